import { streamOf, uniform } from '@guided-diffusion/random'
import * as tf from '@tensorflow/tfjs-core'

/** The key of every mask of one pass: the same key drops the same activations on any backend. */
export interface DropoutKey {
  readonly seed: number
  /** Training step, or whatever else must not repeat. */
  readonly index: number
}

/** Hands out one mask a layer, in the order of the layers. */
export type Dropout = (x: tf.Tensor4D) => tf.Tensor4D

/**
 * Zeroes each activation with probability `rate` and scales the others by 1/(1 − rate).
 * Without a key (inference) it is the identity.
 */
export function createDropout(rate: number, key?: DropoutKey): Dropout {
  if (!key || rate === 0) return (x) => x
  let layer = 0
  return (x) => {
    const values = uniform(
      { seed: key.seed, stream: streamOf(`dropout ${layer++}`), index: key.index },
      x.size,
    )
    const mask = Float32Array.from(values, (value) => (value < rate ? 0 : 1 / (1 - rate)))
    return tf.mul(x, tf.tensor4d(mask, x.shape))
  }
}
