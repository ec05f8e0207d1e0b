/** Parts of a run as pixels of one cell. */
import { initialNoiseValues } from '@guided-diffusion/diffusion'
import { pictureColours, pullColours } from '../colours.ts'
import { toBytes } from '../pixels.ts'
import type { ModelFacts, StepPicture } from '../protocol.ts'
import type { Pixels } from './picture.tsx'

type Shape = ModelFacts['shape']

/** The noise that a sample of a seed begins with. */
export function noisePixels(seed: number, sample: number, shape: Shape): Pixels {
  const [height, width, channels] = shape
  const colours = pictureColours(toBytes(initialNoiseValues(seed, [sample], shape)), channels)
  return { colours, width, height }
}

/** x, or x̂_0, of a cell. */
export function cellPixels(bytes: Uint8Array, cell: number, [height, width, channels]: Shape): Pixels {
  const size = height * width * channels
  const colours = pictureColours(bytes.subarray(cell * size, (cell + 1) * size), channels)
  return { colours, width, height }
}

/** The pull on a cell. */
export function pullPixels({ pull }: StepPicture, cell: number, shape: Shape): Pixels | undefined {
  const [height, width, channels] = shape
  const size = height * width * channels
  if (pull.length === 0) return undefined
  return { colours: pullColours(pull.subarray(cell * size, (cell + 1) * size), channels), width, height }
}

/** p(class | x_t) of a cell. */
export function cellProbabilities(
  { probabilities }: StepPicture,
  cell: number,
  classes: number,
): Float32Array {
  return probabilities.subarray(cell * classes, (cell + 1) * classes)
}
