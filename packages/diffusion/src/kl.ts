import * as tf from '@tensorflow/tfjs-core'

/**
 * KL(N(m₁, e^{v₁}) ‖ N(m₂, e^{v₂})) = ½ (v₂ − v₁ − 1 + e^{v₁−v₂} + (m₁−m₂)² e^{−v₂}), elementwise, in nats.
 */
export function gaussianKl(
  first: { readonly mean: tf.Tensor; readonly logVariance: tf.Tensor },
  second: { readonly mean: tf.Tensor; readonly logVariance: tf.Tensor },
): tf.Tensor {
  return tf.tidy(() => {
    const difference = tf.sub(second.logVariance, first.logVariance)
    const distance = tf.mul(tf.square(tf.sub(first.mean, second.mean)), tf.exp(tf.neg(second.logVariance)))
    return tf.mul(tf.add(tf.add(tf.sub(difference, 1), tf.exp(tf.neg(difference))), distance), 0.5)
  })
}

/** The mean over all but the first axis: `[B, …]` → `[B]`. */
export function meanPerSample(values: tf.Tensor): tf.Tensor1D {
  return tf.mean(tf.reshape<tf.Rank.R2>(values, [values.shape[0] as number, -1]), 1)
}
