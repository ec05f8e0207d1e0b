import { randomBits } from './bits.ts'
import type { RandomKey } from './key.ts'

/**
 * `length` numbers of the standard normal distribution N(0, 1), independent of each other.
 *
 * (z₀, z₁) = √(−2 ln u₀) (cos 2πu₁, sin 2πu₁),   computed in float64, rounded once to float32
 *
 * The largest |z| there can be is √(66 ln 2) = 6.76.
 *
 * @throws {RandomRangeError} when the key, the length or the offset is out of range.
 * @see Box & Muller 1958, "A note on the generation of random normal deviates"
 * @example
 * const noise = normal({ seed: 5, stream: streamOf('initial noise'), index: 17 }, 64 * 64 * 3)
 */
export function normal(key: RandomKey, length: number, offset = 0): Float32Array {
  const skip = offset % 2
  const words = randomBits(key, skip + length + ((skip + length) % 2), offset - skip)
  const pairs = new Float32Array(words.length)
  for (let i = 0; i < words.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(((words[i] as number) + 0.5) * 2 ** -32))
    const angle = ((words[i + 1] as number) + 0.5) * (2 ** -31 * Math.PI)
    pairs[i] = radius * Math.cos(angle)
    pairs[i + 1] = radius * Math.sin(angle)
  }
  return pairs.subarray(skip, skip + length)
}
