import * as tf from '@tensorflow/tfjs-core'

/**
 * One step of an exponential moving average of the weights: d · average + (1 − d) · parameters. Yours.
 *
 * The average starts at the initial weights. `warmup` keeps them from lingering in short runs:
 * d = min(decay, (1 + k) / (10 + k)) at step k.
 */
export function updateAverage(
  average: tf.Tensor1D,
  parameters: tf.Tensor1D,
  { decay, step, warmup }: { decay: number; step: number; warmup: boolean },
): tf.Tensor1D {
  const d = warmup ? Math.min(decay, (1 + step) / (10 + step)) : decay
  return tf.tidy(() => tf.add(tf.mul(average, d), tf.mul(parameters, 1 - d)))
}
