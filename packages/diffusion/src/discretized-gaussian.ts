import * as tf from '@tensorflow/tfjs-core'

const halfBin = 1 / 255
const smallest = 1e-12

/** Φ(z) ≈ ½ (1 + tanh(√(2/π) (z + 0.044715 z³))): the reference's form, which training has to match. */
function standardNormalCdf(z: tf.Tensor): tf.Tensor {
  const cubic = tf.add(z, tf.mul(0.044715, tf.mul(tf.square(z), z)))
  return tf.mul(tf.add(tanh(tf.mul(Math.sqrt(2 / Math.PI), cubic)), 1), 0.5)
}

/**
 * tanh u = ±(1 − 2e/(1 + e)) with e = exp(−2|u|), to the last bit of 1. The operation of native TensorFlow is 1 from
 * u = 8 on, and 3e-8 off before; differences of Φ in the tails are of that size.
 */
function tanh(u: tf.Tensor): tf.Tensor {
  const e = tf.exp(tf.mul(tf.abs(u), -2))
  const magnitude = tf.sub(1, tf.div(tf.mul(e, 2), tf.add(e, 1)))
  return tf.mul(tf.sign(u), magnitude)
}

/**
 * ln P(x), elementwise in nats, where a pixel x ∈ {−1, −1+2/255, …, 1} stands for the interval of width 2/255
 * around it under N(mean, e^{2 logScale}); the outermost intervals reach to infinity.
 *
 * @see Ho et al. 2020, eq. 13, https://arxiv.org/abs/2006.11239
 */
export function discretizedGaussianLogLikelihood(
  x: tf.Tensor,
  { mean, logScale }: { readonly mean: tf.Tensor; readonly logScale: tf.Tensor },
): tf.Tensor {
  return tf.tidy(() => {
    const centered = tf.sub(x, mean)
    const inverse = tf.exp(tf.neg(logScale))
    const upper = standardNormalCdf(tf.mul(inverse, tf.add(centered, halfBin)))
    const lower = standardNormalCdf(tf.mul(inverse, tf.sub(centered, halfBin)))
    const log = (probability: tf.Tensor) => tf.log(tf.maximum(probability, smallest))
    const inside = log(tf.sub(upper, lower))
    const upwards = tf.where(tf.greater(x, 0.999), log(tf.sub(1, lower)), inside)
    return tf.where(tf.less(x, -0.999), log(upper), upwards)
  })
}
