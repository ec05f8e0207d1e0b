/** The numbers of noise, for whoever has no tensors: a page that shows x_T before an engine is there. */
import { normal, streamOf } from '@guided-diffusion/random'

export const initialStream = streamOf('sampling: initial noise')

/** Height, width and channels of an image. */
export type ImageShape = readonly [height: number, width: number, channels: number]

/** The numbers of `initialNoise`, one sample after the other, each in the order height, width, channels. */
export function initialNoiseValues(
  seed: number,
  samples: readonly number[],
  shape: ImageShape,
): Float32Array {
  return noiseValues(seed, initialStream, samples, shape)
}

/** N(0, 1) keyed by (seed, stream, sample). */
export function noiseValues(
  seed: number,
  stream: number,
  samples: readonly number[],
  shape: ImageShape,
): Float32Array {
  const size = shape.reduce((product, length) => product * length, 1)
  const values = new Float32Array(samples.length * size)
  for (const [i, index] of samples.entries()) values.set(normal({ seed, stream, index }, size), i * size)
  return values
}
