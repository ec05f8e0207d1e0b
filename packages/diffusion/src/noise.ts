import { streamOf } from '@guided-diffusion/random'
import * as tf from '@tensorflow/tfjs-core'
import { type ImageShape, initialStream, noiseValues } from './noise-values.ts'

/**
 * x_T of each sample: N(0, 1) keyed by (seed, sample), `[B, H, W, C]`. Yours.
 *
 * Sample 17 of seed 5 starts from the same noise whatever stands beside it, on every backend.
 */
export function initialNoise(seed: number, samples: readonly number[], shape: ImageShape): tf.Tensor4D {
  return keyedNoise(seed, initialStream, samples, shape)
}

/** The noise that step t of the schedule adds to each sample: keyed by (seed, sample, t). Yours. */
export function stepNoise(
  seed: number,
  samples: readonly number[],
  t: number,
  shape: ImageShape,
): tf.Tensor4D {
  return keyedNoise(seed, streamOf(`sampling: noise of step ${t}`), samples, shape)
}

function keyedNoise(
  seed: number,
  stream: number,
  samples: readonly number[],
  shape: ImageShape,
): tf.Tensor4D {
  return tf.tensor4d(noiseValues(seed, stream, samples, shape), [samples.length, ...shape])
}
