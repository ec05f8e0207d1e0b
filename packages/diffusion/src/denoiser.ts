import type * as tf from '@tensorflow/tfjs-core'

/**
 * Whatever predicts. Arguments are lent, the result is the caller's; what it makes on the way it frees itself, by
 * `tf.tidy` where it answers at once.
 *
 * A denoiser that runs elsewhere (a compiled graph, another process) answers with a promise; guidance that
 * differentiates through the network needs one that answers at once.
 */
export interface Denoiser {
  /**
   * x `[B, H, W, C]`, t `[B]` (in the numbers that the network was trained on), labels `[B]` int32
   * → `[B, H, W, C]`, or `[B, H, W, 2C]` with a learned variance.
   */
  forward(x: tf.Tensor4D, t: tf.Tensor1D, labels?: tf.Tensor1D): tf.Tensor4D | Promise<tf.Tensor4D>
}
