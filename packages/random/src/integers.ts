import { drawWords, randomBits } from './bits.ts'
import { keyWords, type RandomKey, requireInteger } from './key.ts'

/**
 * `length` integers of `[0, bound)`, each exactly as likely as any other.
 *
 * A 32-bit word k gives ⌊k · bound / 2³²⌋ and is drawn again when the low half of the product is below
 * 2³² mod bound, which takes away the bias. The words drawn again are the position's own, so that the i-th
 * integer does not depend on how many came before it.
 *
 * @throws {RandomRangeError} when the key, the length, the bound (1 to 2³¹) or the offset is out of range.
 * @see Lemire 2019, "Fast random integer generation in an interval", https://arxiv.org/abs/1805.10941
 */
export function integers(key: RandomKey, length: number, bound: number, offset = 0): Int32Array {
  requireInteger('bound', bound, 1, 2 ** 31, 'The bound itself is never drawn.')
  const words = randomBits(key, length, offset)
  const checked = keyWords(key)
  const biased = 2 ** 32 % bound
  const numbers = new Int32Array(length)
  for (let i = 0; i < length; i++) {
    let word = words[i] as number
    for (let attempt = 1; Math.imul(word, bound) >>> 0 < biased; attempt++) {
      word = drawWords(checked, 1, offset + i, attempt)[0] as number
    }
    // The product stays below 2⁶³, too long for a float64; its quotient by 2³² in two exact parts does not.
    const low = (word & 0xffff) * bound
    numbers[i] = Math.floor(((word >>> 16) * bound + Math.floor(low / 65536)) / 65536)
  }
  return numbers
}
