import { drawWords } from './bits.ts'
import { keyWords, type RandomKey, requireInteger } from './key.ts'

/**
 * A shuffled order of `0 … length − 1`, as a function from position to element. No table is made: a position
 * costs the same wherever it lies, so a data set is shuffled anew for each epoch and entered in its middle for
 * nothing.
 *
 * Round r pairs x with its mirror K_r − x (mod n) and swaps the pair, or not, by one random bit that depends
 * on the round and the pair. Every round is a bijection of exactly n elements, whatever n.
 *
 * @throws {RandomRangeError} when the key, the length (1 to 2³²) or a position is out of range.
 * @see Hoang, Morris & Rogaway 2012, "An enciphering scheme based on a card shuffle", https://arxiv.org/abs/1208.1176
 * @example
 * const order = permutation({ seed: 1, index: epoch }, dataset.length)
 * const first = order(0)
 */
export function permutation(key: RandomKey, length: number): (position: number) => number {
  requireInteger('length', length, 1, 2 ** 32, 'There must be something to shuffle.')
  const rounds = 24 + 6 * Math.ceil(Math.log2(length))
  const words = drawWords(keyWords(key), 4 * rounds, 0)
  const mirrors = new Float64Array(rounds)
  for (let round = 0; round < rounds; round++) {
    // 53 bits, as many as a float64 holds: the product stays below `length`.
    const low = (words[4 * round + 1] as number) >>> 11
    const uniform = ((words[4 * round] as number) + low * 2 ** -21) * 2 ** -32
    mirrors[round] = Math.floor(uniform * length)
  }
  return (position) => {
    requireInteger('position', position, 0, length - 1, 'Positions count from 0.')
    let x = position
    for (let round = 0; round < rounds; round++) {
      const mirror = mirrors[round] as number
      const other = x <= mirror ? mirror - x : mirror + length - x
      const pair = x > other ? x : other
      if (coin(pair, words[4 * round + 2] as number, words[4 * round + 3] as number)) x = other
    }
    return x
  }
}

/** One bit that looks random for every pair and round: the top bit of a 32-bit mixer run twice, keyed twice. */
function coin(pair: number, key0: number, key1: number): boolean {
  return mix(mix(pair ^ key0) + key1) < 0
}

/** A bijection of 32-bit words in which each bit of the input turns each bit of the output half the time. */
function mix(word: number): number {
  let x = word | 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return x ^ (x >>> 16)
}
