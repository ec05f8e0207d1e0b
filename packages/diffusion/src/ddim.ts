import * as tf from '@tensorflow/tfjs-core'
import type { Coefficients } from './coefficients.ts'
import { DiffusionOptionError } from './errors.ts'
import { xStartFromEpsilon } from './prediction.ts'
import type { Sampler, SamplerInput } from './sampler.ts'

/**
 * DDIM.
 *
 * ε̂ = ε_θ − √(1−ᾱ_t) γ ∇ log p(y | x_t),   x̂_0 = (x_t − √(1−ᾱ_t) ε̂) / √ᾱ_t
 * x_{t−1} = √ᾱ_{t−1} x̂_0 + √(1−ᾱ_{t−1}−σ²) ε̂ + σ z,   σ = η √((1−ᾱ_{t−1})/(1−ᾱ_t)) √(1−ᾱ_t/ᾱ_{t−1})
 *
 * η = 0 is deterministic, η = 1 has the variance of DDPM. As in the reference code, x̂_0 is clipped before the
 * gradient is added and not after. A guided step needs ᾱ_t > 0: where there is no signal, no gradient moves x̂_0.
 *
 * @throws DiffusionOptionError when η is not in [0, 1].
 * @see Song et al. 2021, eq. 12 and 16, https://arxiv.org/abs/2010.02502
 * @see Dhariwal & Nichol 2021, algorithm 2, https://arxiv.org/abs/2105.05233
 */
export function ddim({ eta = 0 }: { readonly eta?: number } = {}): Sampler {
  if (!(eta >= 0 && eta <= 1)) {
    throw new DiffusionOptionError({
      option: 'eta',
      value: eta,
      expected: 'a number from 0 (deterministic) to 1 (as noisy as DDPM)',
      advice: 'Use 0 unless you want noise.',
    })
  }
  return {
    name: 'ddim',
    direction: 'reverse',
    stochastic: eta > 0,
    step: (input) => {
      const { at, noise } = input
      const { epsilon, xStart } = guided(input)
      const towardsImage = tf.mul(tf.sqrt(at.alphaCumprodPrevious), xStart)
      const rest: tf.Tensor4D = tf.sub(1, at.alphaCumprodPrevious)
      if (eta === 0) return { x: tf.add(towardsImage, tf.mul(tf.sqrt(rest), epsilon)), xStart }
      const { sigma, remaining } = deviations(at, eta)
      const fresh = tf.mul(tf.mul(at.notFirst, sigma), noise as tf.Tensor4D)
      return { x: tf.add(tf.add(towardsImage, tf.mul(remaining, epsilon)), fresh), xStart }
    },
  }
}

/**
 * σ, and √(1−ᾱ_{t−1}−σ²) as a sum of what is not negative: the difference loses all its digits where η is 1 and ᾱ_t
 * near 0.
 *
 * 1−ᾱ_{t−1}−σ² = (1−ᾱ_{t−1})/(1−ᾱ_t) · ((1−η²)(1−r) + r (1−ᾱ_{t−1})),   r = ᾱ_t/ᾱ_{t−1}
 */
function deviations(at: Coefficients, eta: number): { sigma: tf.Tensor; remaining: tf.Tensor } {
  const rest = tf.sub(1, at.alphaCumprodPrevious)
  const ratio = tf.div(rest, tf.sub(1, at.alphaCumprod))
  const kept = tf.div(at.alphaCumprod, at.alphaCumprodPrevious)
  const lost = tf.sub(1, kept)
  return {
    sigma: tf.mul(tf.sqrt(tf.mul(ratio, lost)), eta),
    remaining: tf.sqrt(tf.mul(ratio, tf.add(tf.mul(lost, 1 - eta ** 2), tf.mul(kept, rest)))),
  }
}

/** ε̂ and x̂_0 with the gradient added to the score. */
export function guided({ x, reverse, at, gradient }: SamplerInput): {
  epsilon: tf.Tensor4D
  xStart: tf.Tensor4D
} {
  if (!gradient) return reverse
  const epsilon: tf.Tensor4D = tf.sub(reverse.epsilon, tf.mul(at.sqrtOneMinusAlphaCumprod, gradient))
  return { epsilon, xStart: xStartFromEpsilon(at, x, epsilon) }
}
