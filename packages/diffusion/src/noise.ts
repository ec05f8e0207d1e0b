import { normal, streamOf } from '@guided-diffusion/random'
import * as tf from '@tensorflow/tfjs-core'

const initialStream = streamOf('sampling: initial noise')

/** Height, width and channels of an image. */
export type ImageShape = readonly [height: number, width: number, channels: number]

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
  const size = shape.reduce((product, length) => product * length, 1)
  const values = new Float32Array(samples.length * size)
  for (const [i, index] of samples.entries()) values.set(normal({ seed, stream, index }, size), i * size)
  return tf.tensor4d(values, [samples.length, ...shape])
}
