import * as tf from '@tensorflow/tfjs-core'
import type { Sampler } from './sampler.ts'

/**
 * The reverse process as it is defined: x_{t−1} ~ N(μ_θ + Σ_θ γ ∇ log p(y | x), Σ_θ), without noise in the last step.
 *
 * @see Ho et al. 2020, algorithm 2, https://arxiv.org/abs/2006.11239
 * @see Dhariwal & Nichol 2021, algorithm 1, https://arxiv.org/abs/2105.05233
 */
export function ddpm(): Sampler {
  return {
    name: 'ddpm',
    direction: 'reverse',
    stochastic: true,
    step: ({ reverse: { mean, logVariance, variance, xStart }, at, gradient, noise }) => {
      const guided: tf.Tensor4D = gradient ? tf.add(mean, tf.mul(variance, gradient)) : mean
      const deviation = tf.mul(at.notFirst, tf.exp(tf.mul(logVariance, 0.5)))
      return { x: tf.add(guided, tf.mul(deviation, noise as tf.Tensor4D)), xStart }
    },
  }
}
