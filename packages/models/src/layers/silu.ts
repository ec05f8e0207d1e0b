import * as tf from '@tensorflow/tfjs-core'

/** SiLU: x · σ(x). */
export function silu<T extends tf.Tensor>(x: T): T {
  return tf.mul(x, tf.sigmoid(x)) as T
}
