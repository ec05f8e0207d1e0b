/**
 * Training objectives, one number a sample.
 *
 *   L_simple = mean (target − prediction)²
 *   L_vb     = KL(q(x_{t−1} | x_t, x_0) ‖ p_θ(x_{t−1} | x_t)) in bits per dimension, −log₂ p_θ(x_0 | x_1) at t = 0
 *
 * | kind         | learned variance                    | fixed variance |
 * | ------------ | ----------------------------------- | -------------- |
 * | `simple`     | L_simple                            | L_simple       |
 * | `mse`        | L_simple + L_vb                     | L_simple       |
 * | `hybrid`     | L_simple + T/1000 · L_vb            | L_simple       |
 * | `kl`         | L_vb                                | L_vb           |
 * | `rescaled-kl`| T · L_vb                            | T · L_vb       |
 *
 * In `mse` and `hybrid` L_vb teaches the variance alone: its gradient stops before the mean.
 *
 * @see Nichol & Dhariwal 2021, section 3.1, https://arxiv.org/abs/2102.09672
 */
import * as tf from '@tensorflow/tfjs-core'
import { type Coefficients, coefficients } from './coefficients.ts'
import { type Diffusion, learnsVariance } from './diffusion.ts'
import { discretizedGaussianLogLikelihood } from './discretized-gaussian.ts'
import { DiffusionOptionError } from './errors.ts'
import { gaussianKl, meanPerSample } from './kl.ts'
import { posteriorMean } from './posterior.ts'
import { predictionTarget } from './prediction.ts'
import { type Reverse, reverse, reverseFrom } from './reverse.ts'
import { splitOutput } from './variance.ts'

export type LossKind = 'simple' | 'mse' | 'hybrid' | 'kl' | 'rescaled-kl'

/** Weight of L_simple by noise level: none, or at most γ times the signal-to-noise ratio's share. */
export type LossWeighting = 'uniform' | { readonly minSnr: number }

export interface LossInput {
  readonly xStart: tf.Tensor4D
  /** x_t, noised from `xStart` with `noise`. */
  readonly x: tf.Tensor4D
  readonly noise: tf.Tensor4D
  /** An index into the schedule for each sample. */
  readonly t: ArrayLike<number>
  /** The network's output at x_t. */
  readonly output: tf.Tensor4D
}

/** Per sample, `[B]`: the objective and its parts. */
export type Losses = { readonly loss: tf.Tensor1D } & Partial<Record<'mse' | 'vb', tf.Tensor1D>>

/**
 * The objective of each sample, differentiable through `output`. The caller tidies.
 *
 * @throws DenoiserOutputError, DiffusionOptionError
 */
export function trainingLoss(
  diffusion: Diffusion,
  input: LossInput,
  { kind = 'hybrid', weighting = 'uniform' }: { kind?: LossKind; weighting?: LossWeighting } = {},
): Losses {
  const at = coefficients(diffusion, input.t)
  const { steps } = diffusion.schedule
  if (kind === 'kl' || kind === 'rescaled-kl') {
    const predicted = reverse(diffusion, at, input.x, input.output, { clip: false })
    const vb = variationalBound(at, input, predicted)
    return { loss: kind === 'kl' ? vb : tf.mul(vb, steps) }
  }
  const split = splitOutput(diffusion, input.x, input.output)
  const target = predictionTarget(diffusion.prediction, at, input)
  const mse = meanPerSample(tf.square(tf.sub(target, split.predicted)))
  const weighted: tf.Tensor1D =
    weighting === 'uniform' ? mse : tf.mul(mse, minSnrWeights(diffusion, input.t, weighting.minSnr))
  if (kind === 'simple' || !learnsVariance(diffusion.variance)) return { loss: weighted, mse }
  const frozen = { ...split, predicted: stopGradient(split.predicted) }
  const vb = variationalBound(at, input, reverseFrom(diffusion, at, input.x, frozen, { clip: false }))
  return { loss: tf.add(weighted, kind === 'mse' ? vb : tf.mul(vb, steps / 1000)), mse, vb }
}

/** L_vb of each sample in bits per dimension, `[B]`. The caller tidies. */
export function variationalBound(
  at: Coefficients,
  { xStart, x }: { readonly xStart: tf.Tensor4D; readonly x: tf.Tensor4D },
  predicted: Reverse,
): tf.Tensor1D {
  const truth = { mean: posteriorMean(at, xStart, x), logVariance: at.posteriorLogVariance }
  const kl = meanPerSample(gaussianKl(truth, predicted))
  const decoder = discretizedGaussianLogLikelihood(xStart, {
    mean: predicted.mean,
    logScale: tf.mul(predicted.logVariance, 0.5),
  })
  const later = tf.reshape<tf.Rank.R1>(at.notFirst, [-1])
  const bound = tf.sub(tf.mul(later, kl), tf.mul(tf.sub(1, later), meanPerSample(decoder)))
  return tf.mul(bound, 1 / Math.LN2)
}

/**
 * min(SNR, γ) as a weight on the error of x̂_0, put in terms of what the network predicts: divided by SNR for ε,
 * by SNR + 1 for v. SNR = ᾱ/(1−ᾱ).
 *
 * @see Hang et al. 2023, https://arxiv.org/abs/2303.09556
 */
export function minSnrWeights(diffusion: Diffusion, t: ArrayLike<number>, gamma: number): tf.Tensor1D {
  const { prediction, schedule } = diffusion
  if (!(gamma > 0) || prediction === 'previous-x') {
    throw new DiffusionOptionError({
      option: prediction === 'previous-x' ? 'prediction' : 'minSnr',
      value: prediction === 'previous-x' ? prediction : gamma,
      expected: prediction === 'previous-x' ? 'epsilon, x-start or v with minSnr' : 'a positive number',
      advice: 'The usual γ is 5.',
    })
  }
  return tf.tensor1d(
    Array.from(t, (step) => {
      const alpha = schedule.alphasCumprod[step] as number
      const snr = alpha / (1 - alpha)
      // for ε divided before the minimum is taken, so that the step without any signal has weight 1 and not 0/0
      if (prediction === 'epsilon') return Math.min(1, gamma / snr)
      return Math.min(snr, gamma) / (prediction === 'v' ? snr + 1 : 1)
    }),
  )
}

/** The same values, through which no gradient flows. */
function stopGradient(x: tf.Tensor4D): tf.Tensor4D {
  return tf.customGrad((input) => ({
    value: tf.clone(input as tf.Tensor4D),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }))(x) as tf.Tensor4D
}
