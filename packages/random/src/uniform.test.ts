import { expect, test } from 'vitest'
import { randomBits } from './bits.ts'
import { uniform } from './uniform.ts'

test('a uniform number is (word + ½)/2³²', () => {
  const key = { seed: 3, stream: 1, index: 2 }
  const words = randomBits(key, 100, 7)
  expect(uniform(key, 100, 7)).toEqual(Float64Array.from(words, (word) => (word + 0.5) / 2 ** 32))
})

test('uniform numbers fill the open interval evenly', () => {
  const numbers = uniform({ seed: 11 }, 100_000).sort()
  expect(numbers[0]).toBeGreaterThan(0)
  expect(numbers.at(-1)).toBeLessThan(1)
  // Kolmogorov–Smirnov at the level of 1 in 1000.
  const distance = numbers.reduce((max, u, i) => Math.max(max, Math.abs(u - (i + 0.5) / 100_000)), 0)
  expect(distance * Math.sqrt(100_000)).toBeLessThan(1.95)
})
