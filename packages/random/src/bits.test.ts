import fc from '@guided-diffusion/tooling/properties'
import { expect, test } from 'vitest'
import { randomBits } from './bits.ts'
import { streamOf } from './key.ts'
import { philox } from './philox.ts'

const key = fc.record({
  seed: fc.maxSafeNat(),
  stream: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  index: fc.maxSafeNat(),
})

test('the words of a key are the Philox blocks 0, 1, … of its index and stream under its seed', () => {
  const seed = 0x12345 * 2 ** 32 + 0xfedcba98
  const index = 0x1f00f * 2 ** 32 + 0x89abcdef
  const expected = new Uint32Array(12)
  philox(expected, 0, 0x89abcdef, 0x1f00f, 7, 0xfedcba98, 0x12345)
  expect(randomBits({ seed, stream: 7, index }, 12)).toEqual(expected)
})

test('a word depends on its key and position only, wherever the reading starts and ends', () => {
  fc.assert(
    fc.property(key, fc.nat(50), fc.nat(50), fc.nat(2 ** 33), (key, skip, count, start) => {
      const whole = randomBits(key, skip + count, start)
      expect(randomBits(key, count, start + skip)).toEqual(whole.slice(skip))
    }),
  )
})

test('keys that differ in any part, by any bit, have different words', () => {
  const base = { seed: 5, stream: 3, index: 9 }
  const keys = [base]
  for (let bit = 0; bit < 53; bit++) {
    // Adding a power of two to a number without that bit sets it, also beyond the 32 bits of `|`.
    const differs = (value: number): number =>
      Math.floor(value / 2 ** bit) % 2 === 0 ? value + 2 ** bit : value - 2 ** bit
    keys.push({ ...base, seed: differs(5) }, { ...base, index: differs(9) })
    if (bit < 32) keys.push({ ...base, stream: differs(3) })
  }
  const words = new Set(keys.map((key) => randomBits(key, 4).join()))
  expect(words.size).toBe(1 + 53 + 53 + 32)
})

test('stream and index are 0 unless they are given', () => {
  expect(randomBits({ seed: 8 }, 8)).toEqual(randomBits({ seed: 8, stream: 0, index: 0 }, 8))
})

test('every bit of the words is set half the time', () => {
  const words = randomBits({ seed: 1 }, 40_000)
  for (let bit = 0; bit < 32; bit++) {
    const set = words.reduce((sum, word) => sum + ((word >>> bit) & 1), 0)
    expect(Math.abs(set - 20_000)).toBeLessThan(4 * 100)
  }
})

test('no words are asked for by count 0', () => {
  expect(randomBits({ seed: 1 }, 0)).toHaveLength(0)
  expect(randomBits({ seed: 1 }, 0, 3)).toHaveLength(0)
})

test('the last words of a key can be read, those after them cannot', () => {
  expect(randomBits({ seed: 1 }, 3, 2 ** 34 - 3)).toHaveLength(3)
  expect(() => randomBits({ seed: 1 }, 4, 2 ** 34 - 3)).toThrowErrorMatchingInlineSnapshot(
    `[RandomRangeError: offset is 17179869181, expected an integer in [0, 17179869180].]`,
  )
})

test('names give streams by FNV-1a', () => {
  expect(streamOf('')).toBe(0x811c9dc5)
  expect(streamOf('a')).toBe(0xe40c292c)
  expect(streamOf('foobar')).toBe(0xbf9cf968)
})

test.each([
  { seed: -1 },
  { seed: 1.5 },
  { seed: Number.NaN },
  { seed: 2 ** 53 },
  { seed: 1, stream: 2 ** 32 },
  { seed: 1, stream: -1 },
  { seed: 1, index: 0.5 },
  { seed: 1, index: Infinity },
])('the key %o is refused', (key) => {
  expect(() => randomBits(key, 1)).toThrow(expect.objectContaining({ name: 'RandomRangeError' }))
})

test('a refused number is told with what is expected and what to do', () => {
  expect(() => randomBits({ seed: -3 }, 1)).toThrowErrorMatchingInlineSnapshot(
    `[RandomRangeError: seed is -3, expected an integer in [0, 9007199254740991].]`,
  )
  expect(() => randomBits({ seed: -3 }, 1)).toThrow(
    expect.objectContaining({ parameter: 'seed', value: -3, advice: expect.stringContaining('seed') }),
  )
})
