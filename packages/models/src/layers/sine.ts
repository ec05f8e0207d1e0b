import * as tf from '@tensorflow/tfjs-core'

/** (−1)ᵏ/(2k+1)! for k = 0 … 5: sin h = h Σ aₖ h²ᵏ, wrong by 6e-8 at h = π/2. */
const sineSeries = [1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362_880, -1 / 39_916_800]
/** (−1)ᵏ/(2k)! for k = 0 … 6: cos h = Σ bₖ h²ᵏ, wrong by 6e-9 at h = π/2. */
const cosineSeries = [1, -1 / 2, 1 / 24, -1 / 720, 1 / 40_320, -1 / 3_628_800, 1 / 479_001_600]

/**
 * Sine and cosine of angles in [−π, π], right to 1e-6 on every backend: GPUs promise their own only to 2⁻¹¹. With h half
 * the angle, sin = 2 sin h cos h and cos = 1 − 2 sin² h.
 */
export function sineAndCosine(angles: tf.Tensor): { readonly sine: tf.Tensor; readonly cosine: tf.Tensor } {
  const half = tf.mul(angles, 0.5)
  const square = tf.square(half)
  const sine = tf.mul(half, polynomial(square, sineSeries))
  const cosine = polynomial(square, cosineSeries)
  return {
    sine: tf.mul(tf.mul(sine, cosine), 2),
    cosine: tf.sub(1, tf.mul(tf.square(sine), 2)),
  }
}

/** Σ cₖ uᵏ, by Horner. */
function polynomial(u: tf.Tensor, coefficients: readonly number[]): tf.Tensor {
  const [last = 0, ...rest] = coefficients.toReversed()
  return rest.reduce<tf.Tensor>(
    (sum, coefficient) => tf.add(tf.mul(sum, u), coefficient),
    tf.fill(u.shape, last),
  )
}
