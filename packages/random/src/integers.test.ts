import fc from '@guided-diffusion/tooling/properties'
import { expect, test } from 'vitest'
import { randomBits } from './bits.ts'
import { integers } from './integers.ts'

test('a power of two as bound takes the upper bits of each word', () => {
  const key = { seed: 5 }
  expect(integers(key, 50, 2 ** 10)).toEqual(Int32Array.from(randomBits(key, 50), (word) => word >>> 22))
  expect(integers(key, 50, 2 ** 31)).toEqual(Int32Array.from(randomBits(key, 50), (word) => word >>> 1))
  expect(integers(key, 50, 1)).toEqual(new Int32Array(50))
})

test('integers are the whole part of bound · u, for all that are not drawn again', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: 2 ** 31 }), (seed, bound) => {
      const drawn = integers({ seed }, 20, bound)
      randomBits({ seed }, 20).forEach((word, i) => {
        const product = BigInt(word) * BigInt(bound)
        const again = Number(product & 0xffffffffn) < 2 ** 32 % bound
        if (!again) expect(drawn[i]).toBe(Number(product >> 32n))
        expect(drawn[i]).toBeGreaterThanOrEqual(0)
        expect(drawn[i]).toBeLessThan(bound)
      })
    }),
  )
})

test('an integer depends on its key and position only, wherever the reading starts and ends', () => {
  // Every fourth word is drawn again under this bound.
  const bound = 3 * 2 ** 29
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(30), fc.nat(30), (seed, skip, length) => {
      const whole = integers({ seed }, skip + length, bound)
      expect(integers({ seed }, length, bound, skip)).toEqual(whole.slice(skip))
    }),
  )
})

test.each([2, 7, 10, 1000])('integers below %i are equally likely', (bound) => {
  const count = 1000 * bound
  const seen = new Float64Array(bound)
  for (const value of integers({ seed: 1 }, count, bound)) (seen[value] as number) += 1
  expect(chiSquare(seen, 1000)).toBeLessThan(bound - 1 + 4 * Math.sqrt(2 * (bound - 1)))
})

test('what does not divide 2³² is not favoured', () => {
  // ⌊bound · u⌋ alone would give the residues modulo 3 the shares 3/8, 3/8 and 2/8.
  const seen = new Float64Array(3)
  for (const value of integers({ seed: 2 }, 30_000, 3 * 2 ** 29)) (seen[value % 3] as number) += 1
  expect(chiSquare(seen, 10_000)).toBeLessThan(2 + 4 * 2)
})

test('bounds outside [1, 2³¹] are refused', () => {
  expect(() => integers({ seed: 1 }, 1, 0)).toThrowErrorMatchingInlineSnapshot(
    `[RandomRangeError: bound is 0, expected an integer in [1, 2147483648].]`,
  )
  expect(() => integers({ seed: 1 }, 1, 2 ** 31 + 1)).toThrow(expect.objectContaining({ parameter: 'bound' }))
  expect(() => integers({ seed: 1 }, 1, 2.5)).toThrow(expect.objectContaining({ parameter: 'bound' }))
})

function chiSquare(seen: Float64Array, expected: number): number {
  return seen.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}
