import { type KeyWords, keyWords, type RandomKey, requireInteger } from './key.ts'
import { philox } from './philox.ts'

/** Words that one key holds: 2³² blocks of four. */
const WORDS = 2 ** 34

/**
 * `count` uniform 32-bit words: those at positions `offset`, `offset + 1`, … of the key's sequence.
 *
 * @throws {RandomRangeError} when the key, the count or the offset is out of range.
 */
export function randomBits(key: RandomKey, count: number, offset = 0): Uint32Array {
  requireInteger('count', count, 0, 2 ** 32, 'Ask for more in parts, by offset.')
  requireInteger('offset', offset, 0, WORDS - count, 'One key holds 2^34 words: go on with another index.')
  return drawWords(keyWords(key), count, offset)
}

/**
 * The same for checked arguments. `attempt` (0 to 2047) leads to other words for the same positions: it fills
 * the 11 bits which the index leaves free in the counter.
 */
export function drawWords(key: KeyWords, count: number, offset: number, attempt = 0): Uint32Array {
  const skip = offset % 4
  const words = new Uint32Array(skip + count)
  const high = key.indexHigh + attempt * 2 ** 21
  philox(words, Math.floor(offset / 4), key.indexLow, high, key.stream, key.seedLow, key.seedHigh)
  return skip === 0 ? words : words.subarray(skip)
}
