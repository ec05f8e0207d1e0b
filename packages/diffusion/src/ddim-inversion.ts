import * as tf from '@tensorflow/tfjs-core'
import { guided } from './ddim.ts'
import type { Sampler } from './sampler.ts'

/**
 * DDIM run backwards, from an image to the noise that DDIM with η = 0 would make it of:
 *
 * x_{t+1} = √ᾱ_{t+1} x̂_0 + √(1−ᾱ_{t+1}) ε̂
 *
 * The error of a round trip falls with the number of steps.
 *
 * @see Song et al. 2021, section 4.3, https://arxiv.org/abs/2010.02502
 */
export function ddimInversion(): Sampler {
  return {
    name: 'ddim-inversion',
    direction: 'forward',
    stochastic: false,
    step: (input) => {
      const { epsilon, xStart } = guided(input)
      const { alphaCumprodNext } = input.at
      const towardsImage = tf.mul(tf.sqrt(alphaCumprodNext), xStart)
      const towardsNoise = tf.mul(tf.sqrt(tf.sub(1, alphaCumprodNext)), epsilon)
      return { x: tf.add(towardsImage, towardsNoise), xStart }
    },
  }
}
