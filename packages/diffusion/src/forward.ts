import * as tf from '@tensorflow/tfjs-core'
import { type Coefficients, coefficients } from './coefficients.ts'
import type { Diffusion } from './diffusion.ts'

/**
 * q(x_t | x_0): x_t = √ᾱ_t x_0 + √(1−ᾱ_t) ε.
 *
 * @param t an index into the schedule for each sample.
 * @see Ho et al. 2020, eq. 4, https://arxiv.org/abs/2006.11239
 */
export function qSample(
  diffusion: Diffusion,
  input: { readonly xStart: tf.Tensor4D; readonly t: ArrayLike<number>; readonly noise: tf.Tensor4D },
): tf.Tensor4D {
  return tf.tidy(() => addNoise(coefficients(diffusion, input.t), input.xStart, input.noise))
}

/** The same with the coefficients at hand; the caller tidies. */
export function addNoise(at: Coefficients, xStart: tf.Tensor4D, noise: tf.Tensor4D): tf.Tensor4D {
  return tf.add(tf.mul(at.sqrtAlphaCumprod, xStart), tf.mul(at.sqrtOneMinusAlphaCumprod, noise))
}

/** The numbers that the network is told at the given steps, `[B]`. Yours. */
export function networkTimesteps(diffusion: Diffusion, t: ArrayLike<number>): tf.Tensor1D {
  return tf.tensor1d(Array.from(t, (step) => diffusion.schedule.timesteps[step] as number))
}
