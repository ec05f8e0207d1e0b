import { randomBits } from './bits.ts'
import type { RandomKey } from './key.ts'

/**
 * `length` uniform numbers of the open interval (0, 1): (k + ½) / 2³² for a random 32-bit k, so that neither 0
 * nor 1 comes and u and 1 − u are equally likely.
 *
 * @throws {RandomRangeError} when the key, the length or the offset is out of range.
 */
export function uniform(key: RandomKey, length: number, offset = 0): Float64Array {
  const words = randomBits(key, length, offset)
  const numbers = new Float64Array(length)
  for (let i = 0; i < length; i++) numbers[i] = ((words[i] as number) + 0.5) * 2 ** -32
  return numbers
}
