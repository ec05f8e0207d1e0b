import fc from '@guided-diffusion/tooling/properties'
import { expect, test } from 'vitest'
import { randomBits } from './bits.ts'
import { normal } from './normal.ts'

/** Box and Muller's formula as it is written, by the engine's own functions. */
function byFormula(word0: number, word1: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log((word0 + 0.5) / 2 ** 32))
  const angle = (2 * Math.PI * (word1 + 0.5)) / 2 ** 32 - Math.PI / 4
  return [radius * Math.cos(angle), radius * Math.sin(angle)]
}

test('the numbers are those of Box and Muller, to the last bit but for rare ties', () => {
  const words = randomBits({ seed: 21 }, 200_000)
  const numbers = normal({ seed: 21 }, 200_000)
  let differing = 0
  for (let i = 0; i < words.length; i += 2) {
    const expected = byFormula(words[i] as number, words[i + 1] as number)
    expected.forEach((z, j) => {
      const actual = numbers[i + j] as number
      if (actual !== Math.fround(z)) differing++
      expect(Math.abs(actual - z)).toBeLessThanOrEqual(Math.max(1e-15, Math.abs(z) * 2 ** -23.99))
    })
  }
  expect(differing).toBeLessThan(5)
})

test('the first numbers of a seed stay what they are', () => {
  // Box and Muller's formula in 50-digit arithmetic on the words of Random123's zero key, rounded to float32.
  const expected = [0.0470049885204774, -1.354675360616078, -0.777589450564366, 0.095841516145956]
  expect([...normal({ seed: 0 }, 4)]).toEqual(expected.map(Math.fround))
})

test('a number depends on its key and position only, wherever the reading starts and ends', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(30), fc.nat(30), (seed, skip, length) => {
      const whole = normal({ seed }, skip + length)
      expect(normal({ seed }, length, skip)).toEqual(whole.slice(skip))
    }),
  )
})

test('the numbers own their memory', () => {
  expect(normal({ seed: 1 }, 5, 3).buffer.byteLength).toBe(20)
})

test('moments are those of N(0, 1)', () => {
  const count = 400_000
  const moments = [0, 0, 0, 0]
  for (const z of normal({ seed: 2 }, count)) {
    for (let k = 0; k < 4; k++) (moments[k] as number) += z ** (k + 1) / count
  }
  const [mean, square, cube, fourth] = moments as [number, number, number, number]
  // Four standard errors: the variances of z, z², z³, z⁴ are 1, 2, 15, 96.
  expect(Math.abs(mean)).toBeLessThan(4 * Math.sqrt(1 / count))
  expect(Math.abs(square - 1)).toBeLessThan(4 * Math.sqrt(2 / count))
  expect(Math.abs(cube)).toBeLessThan(4 * Math.sqrt(15 / count))
  expect(Math.abs(fourth - 3)).toBeLessThan(4 * Math.sqrt(96 / count))
})

test('the whole distribution is that of N(0, 1)', () => {
  const count = 100_000
  const sorted = normal({ seed: 4 }, count).sort()
  const distance = sorted.reduce((max, z, i) => Math.max(max, Math.abs(normalCdf(z) - (i + 0.5) / count)), 0)
  // Kolmogorov–Smirnov at the level of 1 in 1000.
  expect(distance * Math.sqrt(count)).toBeLessThan(1.95)
})

test.each([
  ['the neighbour', { seed: 6 }, 1],
  ['the next seed', { seed: 7 }, 0],
  ['the next stream', { seed: 6, stream: 1 }, 0],
  ['the next index', { seed: 6, index: 1 }, 0],
])('a number tells nothing of %s', (_, key, offset) => {
  const count = 100_000
  const here = normal({ seed: 6 }, count)
  const there = normal(key, count, offset)
  let product = 0
  let squares = 0
  for (let i = 0; i < count; i++) {
    const a = here[i] as number
    const b = there[i] as number
    product += a * b
    squares += (a * a - 1) * (b * b - 1)
  }
  expect(Math.abs(product)).toBeLessThan(4 * Math.sqrt(count))
  expect(Math.abs(squares)).toBeLessThan(4 * 2 * Math.sqrt(count))
})

/** Φ(z) by Marsaglia's series, which converges everywhere. */
function normalCdf(z: number): number {
  let sum = z
  let term = z
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    term *= (z * z) / k
    sum += term
  }
  return 0.5 + (sum * Math.exp(-0.5 * z * z)) / Math.sqrt(2 * Math.PI)
}

test.each([
  ['length', -1, 0],
  ['length', 1.5, 0],
  ['length', 2 ** 32, 0],
  ['offset', 1, -1],
  ['offset', 1, 0.5],
  ['offset', 2, 2 ** 34 - 1],
])('a %s out of range is refused by its name', (parameter, length, offset) => {
  const value = parameter === 'length' ? length : offset
  expect(() => normal({ seed: 1 }, length, offset)).toThrow(
    expect.objectContaining({ name: 'RandomRangeError', parameter, value }),
  )
})

test('the last numbers of a key can be read', () => {
  expect(normal({ seed: 1 }, 3, 2 ** 34 - 3)).toEqual(normal({ seed: 1 }, 4, 2 ** 34 - 4).slice(1))
})
