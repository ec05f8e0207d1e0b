import * as tf from '@tensorflow/tfjs-core'
import type { Coefficients } from './coefficients.ts'
import type { Diffusion } from './diffusion.ts'
import { posteriorMean } from './posterior.ts'
import { epsilonFromXStart, xStartFromPrediction } from './prediction.ts'
import { reverseLogVariance, reverseVariance, type SplitOutput, splitOutput } from './variance.ts'

/** p_θ(x_{t−1} | x_t), and what the network thinks x_0 and ε are. `[B, H, W, C]` each, unless said otherwise. */
export interface Reverse {
  readonly mean: tf.Tensor4D
  /** ln Σ_θ; broadcastable to the others' shape. */
  readonly logVariance: tf.Tensor4D
  /** Σ_θ; broadcastable likewise. */
  readonly variance: tf.Tensor4D
  readonly xStart: tf.Tensor4D
  readonly epsilon: tf.Tensor4D
}

export interface ReverseOptions {
  /** Clips x̂_0 to [−1, 1]. @default true */
  readonly clip?: boolean
  /** Changes x̂_0 before it is clipped. */
  readonly transformXStart?: (xStart: tf.Tensor4D) => tf.Tensor4D
}

/**
 * Reads the network's output at x_t.
 *
 * μ_θ = c₁ x̂_0 + c₂ x_t, except for networks that predict x_{t−1} itself, where it is the output.
 * ε̂ belongs to x̂_0 after clipping. The caller tidies.
 *
 * @throws DenoiserOutputError
 */
export function reverse(
  diffusion: Diffusion,
  at: Coefficients,
  x: tf.Tensor4D,
  output: tf.Tensor4D,
  options: ReverseOptions = {},
): Reverse {
  return reverseFrom(diffusion, at, x, splitOutput(diffusion, x, output), options)
}

/** The same with the output already split. */
export function reverseFrom(
  diffusion: Diffusion,
  at: Coefficients,
  x: tf.Tensor4D,
  { predicted, variance }: SplitOutput,
  { clip = true, transformXStart }: ReverseOptions = {},
): Reverse {
  const raw = xStartFromPrediction(diffusion.prediction, at, x, predicted)
  const changed = transformXStart ? transformXStart(raw) : raw
  const xStart: tf.Tensor4D = clip ? tf.clipByValue(changed, -1, 1) : changed
  const logVariance = reverseLogVariance(diffusion.variance, at, variance)
  return {
    mean: diffusion.prediction === 'previous-x' ? predicted : posteriorMean(at, xStart, x),
    logVariance,
    variance: reverseVariance(diffusion.variance, at, logVariance),
    xStart,
    epsilon: epsilonFromXStart(at, x, xStart),
  }
}
