import { randomBits } from './bits.ts'
import { type RandomKey, requireInteger } from './key.ts'

/**
 * `length` numbers of the standard normal distribution N(0, 1), independent of each other.
 *
 * (z₀, z₁) = √(−2 ln u₀) (cos φ, sin φ),   φ = 2πu₁ − π/4
 *
 * Computed in float64 and rounded once to float32, by additions, multiplications, divisions and square roots
 * only: those are exact to the last bit by the standard, so every engine gives the same numbers, which is not
 * so with `Math.log` or `Math.cos`. The largest |z| there can be is √(66 ln 2) = 6.76.
 *
 * @throws {RandomRangeError} when the key, the length or the offset is out of range.
 * @see Box & Muller 1958, "A note on the generation of random normal deviates"
 * @example
 * const noise = normal({ seed: 5, stream: streamOf('initial noise'), index: 17 }, 64 * 64 * 3)
 */
export function normal(key: RandomKey, length: number, offset = 0): Float32Array {
  requireInteger('length', length, 0, 2 ** 32 - 2, 'Ask for more in parts, by offset.')
  requireInteger(
    'offset',
    offset,
    0,
    2 ** 34 - length,
    'One key holds 2^34 numbers: go on with another index.',
  )
  const skip = offset % 2
  const words = randomBits(key, skip + length + ((skip + length) % 2), offset - skip)
  const pairs = new Float32Array(words.length)
  for (let i = 0; i < words.length; i += 2) boxMuller(words[i] as number, words[i + 1] as number, pairs, i)
  return pairs.length === length ? pairs : pairs.slice(skip, skip + length)
}

function boxMuller(word0: number, word1: number, out: Float32Array, position: number): void {
  const radius = Math.sqrt(-2 * logUniform(word0))
  // φ = quarter turns + x with x in (−π/4, π/4), where short series do.
  const x = ((word1 & 0x3fffffff) - 0x1fffffff - 0.5) * (2 ** -31 * Math.PI)
  const y = x * x
  const cos = radius * (1 + y * cosTail(y))
  const sin = radius * x * (1 + y * sinTail(y))
  const quarters = word1 >>> 30
  const even = (quarters & 1) === 0
  const sign = quarters < 2 ? 1 : -1
  out[position] = sign * (even ? cos : -sin)
  out[position + 1] = sign * (even ? sin : cos)
}

/** 2ⁱ⁻³² for i from 0 to 32. */
const POWERS_OF_TWO = Float64Array.from({ length: 33 }, (_, i) => 2 ** (i - 32))

/**
 * ln u for u = (word + ½)/2³².
 *
 * u = f 2^e with f in [√½, √2), ln u = e ln 2 + 2 artanh(s), s = (f − 1)/(f + 1), |s| < 0.172
 */
function logUniform(word: number): number {
  const zeros = Math.clz32(word)
  let fraction = (word + 0.5) * (POWERS_OF_TWO[zeros] as number)
  let exponent = -zeros
  if (fraction < Math.SQRT1_2) {
    fraction *= 2
    exponent -= 1
  }
  const s = (fraction - 1) / (fraction + 1)
  const y = s * s
  const tail =
    1 / 3 +
    y * (1 / 5 + y * (1 / 7 + y * (1 / 9 + y * (1 / 11 + y * (1 / 13 + y * (1 / 15 + y * (1 / 17)))))))
  return exponent * Math.LN2 + 2 * s * (1 + y * tail)
}

/** (cos x − 1)/x² by its series in y = x². */
function cosTail(y: number): number {
  return -1 / 2 + y * (1 / 24 + y * (-1 / 720 + y * (1 / 40320 + y * (-1 / 3628800 + y * (1 / 479001600)))))
}

/** (sin x/x − 1)/x² by its series in y = x². */
function sinTail(y: number): number {
  return (
    -1 / 6 + y * (1 / 120 + y * (-1 / 5040 + y * (1 / 362880 + y * (-1 / 39916800 + y * (1 / 6227020800)))))
  )
}
