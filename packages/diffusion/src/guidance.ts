import type * as tf from '@tensorflow/tfjs-core'
import type { NamedTensors } from './named-tensors.ts'
import type { Reverse } from './reverse.ts'

/** What a guidance may look at in one step. All of it is lent. */
export interface GuidanceContext {
  /** x_t, `[B, H, W, C]`. */
  readonly x: tf.Tensor4D
  /** What the network is told, `[B]`. */
  readonly t: tf.Tensor1D
  /** What the network would be told of x_{t−1}, `[B]`; in the last step the same as `t`. */
  readonly tPrevious: tf.Tensor1D
  /** `[B]` int32. */
  readonly labels?: tf.Tensor1D
  /** What `given` of the run's options answered for this step. */
  readonly given?: NamedTensors
  /** The step as the network would make it alone. */
  readonly reverse: Reverse
  /**
   * x̂_0 that the network sees in any x at this step: differentiable, one more pass of the network.
   *
   * @throws AsynchronousDenoiserError when the denoiser answers with a promise.
   */
  readonly predictXStart: (x: tf.Tensor4D) => tf.Tensor4D
  /** Steps made so far, from 0, and how many there are. */
  readonly index: number
  readonly total: number
  /** ᾱ_t. */
  readonly alphaCumprod: number
}

/**
 * A pull on each step: γ ∇ log p(y | x), `[B, H, W, C]`, the caller's. DDPM adds it to its mean, times the variance;
 * DDIM subtracts it from its noise, times √(1−ᾱ_t).
 *
 * @see Dhariwal & Nichol 2021, algorithms 1 and 2, https://arxiv.org/abs/2105.05233
 */
export type Guidance = (context: GuidanceContext) => tf.Tensor4D
