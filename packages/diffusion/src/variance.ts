import * as tf from '@tensorflow/tfjs-core'
import type { Coefficients } from './coefficients.ts'
import { type Diffusion, learnsVariance, type Variance } from './diffusion.ts'
import { DenoiserOutputError } from './errors.ts'

/** The two halves of a network's output. */
export interface SplitOutput {
  /** ε, x_0, v or x_{t−1}: `[B, H, W, C]`. */
  readonly predicted: tf.Tensor4D
  /** What the network says of the variance, `[B, H, W, C]`; absent with a fixed one. */
  readonly variance?: tf.Tensor4D
}

/**
 * Splits `[B, H, W, 2C]` into prediction and variance where the variance is learned.
 *
 * @throws DenoiserOutputError when the output does not have the channels that the variance needs.
 */
export function splitOutput(diffusion: Diffusion, x: tf.Tensor4D, output: tf.Tensor4D): SplitOutput {
  const learned = learnsVariance(diffusion.variance)
  const [batch, height, width, channels] = x.shape
  const expected = [batch, height, width, learned ? 2 * channels : channels]
  if (expected.some((length, i) => length !== output.shape[i])) {
    throw new DenoiserOutputError({ actual: output.shape, expected, variance: diffusion.variance })
  }
  if (!learned) return { predicted: output }
  const [predicted, variance] = tf.split(output, 2, 3) as [tf.Tensor4D, tf.Tensor4D]
  return { predicted, variance }
}

/**
 * ln Σ_θ, broadcastable to `[B, H, W, C]`:
 *
 * ln β̃ (fixed small), ln β (fixed large, at step 0 ln β̃_1), the output itself (learned), or
 * f ln β + (1−f) ln β̃ with f = (output + 1)/2 (learned range). β̃_0 = 0 has no logarithm: ln β̃_1 stands for it.
 *
 * @see Nichol & Dhariwal 2021, eq. 15, https://arxiv.org/abs/2102.09672
 */
export function reverseLogVariance(variance: Variance, at: Coefficients, output?: tf.Tensor4D): tf.Tensor4D {
  switch (variance) {
    case 'fixed-small':
      return at.posteriorLogVariance
    case 'fixed-large':
      return at.fixedLargeLogVariance
    case 'learned':
      return output as tf.Tensor4D
    case 'learned-range': {
      const fraction = tf.mul(tf.add(output as tf.Tensor4D, 1), 0.5)
      return tf.add(tf.mul(fraction, at.logBeta), tf.mul(tf.sub(1, fraction), at.posteriorLogVariance))
    }
  }
}

/**
 * Σ_θ, broadcastable to `[B, H, W, C]`: e to the log variance, except that the fixed small one is β̃_0 = 0 at step 0, as
 * in the reference code. There guidance has no more say.
 */
export function reverseVariance(variance: Variance, at: Coefficients, logVariance: tf.Tensor4D): tf.Tensor4D {
  return variance === 'fixed-small' ? at.posteriorVariance : tf.exp(logVariance)
}
