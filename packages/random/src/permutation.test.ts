import fc from '@guided-diffusion/tooling/properties'
import { expect, test } from 'vitest'
import { permutation } from './permutation.ts'

test('every element comes exactly once, whatever the length', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: 3000 }), (seed, length) => {
      const order = permutation({ seed }, length)
      const seen = new Set(Array.from({ length }, (_, position) => order(position)))
      expect(seen.size).toBe(length)
      for (const element of seen)
        expect(element >= 0 && element < length && Number.isInteger(element)).toBe(true)
    }),
  )
})

test('equal keys give equal orders, others do not', () => {
  const of = (key: { seed: number; stream?: number; index?: number }): string => {
    const order = permutation(key, 20)
    return Array.from({ length: 20 }, (_, i) => order(i)).join()
  }
  expect(of({ seed: 3, stream: 4, index: 5 })).toBe(of({ seed: 3, stream: 4, index: 5 }))
  const orders = [{ seed: 3 }, { seed: 4 }, { seed: 3, stream: 1 }, { seed: 3, index: 1 }].map(of)
  expect(new Set(orders).size).toBe(4)
})

test.each([2, 3, 4, 5])('all orders of %i elements are equally likely', (length) => {
  const orders = [1, 1, 2, 6, 24, 120][length] as number
  const seen = new Map<string, number>()
  for (let seed = 0; seed < 200 * orders; seed++) {
    const order = permutation({ seed }, length)
    const name = Array.from({ length }, (_, i) => order(i)).join()
    seen.set(name, (seen.get(name) ?? 0) + 1)
  }
  const chiSquare = [...seen.values()].reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0)
  expect(seen.size).toBe(orders)
  expect(chiSquare).toBeLessThan(orders - 1 + 4 * Math.sqrt(2 * (orders - 1)))
})

test('neighbours in a long order tell nothing of each other', () => {
  const length = 60_000
  const order = permutation({ seed: 9 }, length)
  const mean = (length - 1) / 2
  const variance = (length * length - 1) / 12
  let withNext = 0
  let withPosition = 0
  let previous = order(length - 1)
  for (let position = 0; position < length; position++) {
    const element = order(position)
    withNext += ((previous - mean) * (element - mean)) / variance
    withPosition += ((position - mean) * (element - mean)) / variance
    previous = element
  }
  expect(Math.abs(withNext)).toBeLessThan(4 * Math.sqrt(length))
  expect(Math.abs(withPosition)).toBeLessThan(4 * Math.sqrt(length))
})

test('the number of fixed points is that of a random order', () => {
  // Poisson with mean 1, for every length: 2000 orders have 2000 ± 45.
  let fixed = 0
  for (let seed = 0; seed < 2000; seed++) {
    const order = permutation({ seed }, 50)
    for (let i = 0; i < 50; i++) if (order(i) === i) fixed++
  }
  expect(Math.abs(fixed - 2000)).toBeLessThan(4 * Math.sqrt(2000))
})

test('half of all orders are even', () => {
  let even = 0
  for (let seed = 0; seed < 2000; seed++) {
    const order = permutation({ seed }, 16)
    let inversions = 0
    for (let j = 1; j < 16; j++) for (let i = 0; i < j; i++) if (order(i) > order(j)) inversions++
    if (inversions % 2 === 0) even++
  }
  expect(Math.abs(even - 1000)).toBeLessThan(4 * Math.sqrt(500))
})

test('four thousand million elements need no more memory than four', () => {
  const order = permutation({ seed: 1 }, 2 ** 32)
  const elements = Array.from({ length: 1000 }, (_, i) => order(i))
  expect(new Set(elements).size).toBe(1000)
  expect(Math.max(...elements)).toBeGreaterThan(0.98 * 2 ** 32)
  expect(Math.min(...elements)).toBeLessThan(0.02 * 2 ** 32)
})

test('an empty order and positions beyond its end are refused', () => {
  expect(() => permutation({ seed: 1 }, 0)).toThrowErrorMatchingInlineSnapshot(
    `[RandomRangeError: length is 0, expected an integer in [1, 4294967296].]`,
  )
  expect(() => permutation({ seed: 1 }, 5)(5)).toThrowErrorMatchingInlineSnapshot(
    `[RandomRangeError: position is 5, expected an integer in [0, 4].]`,
  )
  expect(() => permutation({ seed: 1 }, 5)(-1)).toThrow(expect.objectContaining({ parameter: 'position' }))
})
