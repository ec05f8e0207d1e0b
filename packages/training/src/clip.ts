import * as tf from '@tensorflow/tfjs-core'

/** ‖g‖₂ as a scalar tensor. Yours. */
export function globalNorm(gradient: tf.Tensor1D): tf.Scalar {
  return tf.tidy(() => tf.sqrt(tf.sum(tf.square(gradient))))
}

/** g · min(1, maximum / ‖g‖): the direction stays. Nothing is read back. Yours. */
export function clipByNorm(gradient: tf.Tensor1D, norm: tf.Scalar, maximum: number): tf.Tensor1D {
  return tf.tidy(
    () => tf.mul(gradient, tf.minimum(1, tf.div(maximum, tf.maximum(norm, 1e-12)))) as tf.Tensor1D,
  )
}
