import type * as tf from '@tensorflow/tfjs-core'
import type { Coefficients } from './coefficients.ts'
import type { Reverse } from './reverse.ts'

/** What a sampler makes a step from. All of it is lent. */
export interface SamplerInput {
  /** x_t, `[B, H, W, C]`. */
  readonly x: tf.Tensor4D
  readonly reverse: Reverse
  readonly at: Coefficients
  /** γ ∇ log p(y | x), where the run is guided. */
  readonly gradient?: tf.Tensor4D
  /** N(0, I), where the sampler asks for it. */
  readonly noise?: tf.Tensor4D
}

/** A way from noise to an image (`reverse`), or back (`forward`). Plain data and a pure step. */
export interface Sampler {
  readonly name: string
  /** `reverse` goes down the schedule to the image, `forward` up to the noise. */
  readonly direction: 'reverse' | 'forward'
  /** Whether its steps take noise. */
  readonly stochastic: boolean
  /** The next x, and what x_0 was taken to be. Pure; the caller tidies. */
  step(input: SamplerInput): { readonly x: tf.Tensor4D; readonly xStart: tf.Tensor4D }
}
