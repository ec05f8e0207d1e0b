import type * as tf from '@tensorflow/tfjs-core'
import type { Denoiser } from './denoiser.ts'
import type { Diffusion } from './diffusion.ts'
import { DiffusionOptionError } from './errors.ts'
import type { Guidance, GuidanceContext } from './guidance.ts'
import type { NamedTensors } from './named-tensors.ts'
import type { ImageShape } from './noise-values.ts'
import type { ReverseOptions } from './reverse.ts'
import type { Sampler } from './sampler.ts'
import type { StepExecutor } from './step.ts'

export interface SamplingOptions extends ReverseOptions {
  /** The process on the schedule's steps that are to be made: `respace` it for fewer. */
  readonly diffusion: Diffusion
  readonly denoiser: Denoiser
  /** @default ddim() */
  readonly sampler?: Sampler
  readonly guidance?: Guidance
  /** Height, width and channels of an image. */
  readonly shape: ImageShape
  /** Names all noise of the run. */
  readonly seed: number
  /** Number of images. @default as many as `samples`, `labels` or `start` */
  readonly count?: number
  /** Which samples of the seed to make; equal numbers share their noise. @default 0, 1, … */
  readonly samples?: readonly number[]
  /** Class of each image, for the denoiser and the guidance. */
  readonly labels?: ArrayLike<number>
  /** Where to begin, in place of noise from the seed: `[B, H, W, C]`, lent. A sampler that goes forward needs it. */
  readonly start?: tf.Tensor4D
  /** The noise of step t, in place of that from the seed; handed over. */
  readonly noise?: (t: number) => tf.Tensor4D
  /**
   * Tensors for `given` of the guidance's context in step `index`, from 0: what changes while the run goes on, such as a
   * strength. A step that runs as a graph takes them as inputs, where a number would have it traced anew. Handed over.
   */
  readonly given?: (index: number) => NamedTensors
  /**
   * Looks at each step before it is made and answers with tensors to be seen in `observed`: what a classifier says of
   * x_t, for example. It changes nothing. What it makes on the way is tidied.
   */
  readonly observe?: (context: GuidanceContext) => NamedTensors
  /**
   * Runs each step as a whole, in place of running it eagerly: `compiledSteps` of `@guided-diffusion/compile` traces it
   * into one graph. The denoiser must answer at once.
   */
  readonly execute?: StepExecutor
  /** Checked between steps; the loop throws its reason. */
  readonly signal?: AbortSignal
}

/**
 * Which samples of the seed a run makes.
 *
 * @throws DiffusionOptionError when the options contradict each other, or the sampler.
 */
export function samplesOf(options: SamplingOptions, sampler: Sampler): readonly number[] {
  const { count, samples, labels, start, shape } = options
  requireShape(shape, start)
  const sizes = Object.entries({
    samples: samples?.length,
    count,
    labels: labels?.length,
    start: start?.shape[0],
  }).filter((entry): entry is [string, number] => entry[1] !== undefined)
  const [first, size] = sizes[0] ?? ['count', undefined]
  if (size === undefined || !Number.isInteger(size) || size < 1) {
    throw new DiffusionOptionError({
      option: first === 'count' ? 'count' : `the length of ${first}`,
      value: size,
      expected: 'one image or more',
      advice: 'Give count, samples, labels or start.',
    })
  }
  const other = sizes.find(([, length]) => length !== size)
  if (other) {
    throw new DiffusionOptionError({
      option: other[0] === 'count' ? 'count' : `the length of ${other[0]}`,
      value: other[1],
      expected: `${size}, as ${first} says`,
      advice: 'Say the number of images once, or the same everywhere.',
    })
  }
  requireClasses(labels ?? [])
  requireWay(options, sampler)
  return samples ?? Array.from({ length: size }, (_, i) => i)
}

function requireShape(shape: ImageShape, start: tf.Tensor4D | undefined): void {
  if (shape.length !== 3 || !shape.every((length) => Number.isInteger(length) && length > 0)) {
    throw new DiffusionOptionError({
      option: 'shape',
      value: shape,
      expected: '[height, width, channels]',
      advice: 'Give the shape of one image; their number is count.',
    })
  }
  if (start && (start.rank !== 4 || start.shape.slice(1).some((length, i) => length !== shape[i]))) {
    throw new DiffusionOptionError({
      option: 'start',
      value: start.shape,
      expected: `images of [${shape.join(', ')}]`,
      advice: 'Give shape as [height, width, channels] of the images.',
    })
  }
}

/** @throws DiffusionOptionError unless every label is the number of a class. */
export function requireClasses(labels: ArrayLike<number>): void {
  const wrong = Array.from(labels).findIndex((label) => !(Number.isInteger(label) && label >= 0))
  if (wrong === -1) return
  throw new DiffusionOptionError({
    option: `labels[${wrong}]`,
    value: labels[wrong],
    expected: 'the number of a class, from 0',
    advice: 'Give labels only where every image has a class.',
  })
}

/** A sampler that goes forward begins with images, and needs a second step to go to. */
function requireWay({ diffusion, start }: SamplingOptions, { name, direction }: Sampler): void {
  if (direction === 'reverse') return
  if (!start) {
    throw new DiffusionOptionError({
      option: 'start',
      value: undefined,
      expected: `the images that ${name} begins with`,
      advice: 'Give start: images in [−1, 1].',
    })
  }
  if (diffusion.schedule.steps < 2) {
    throw new DiffusionOptionError({
      option: 'diffusion.schedule.steps',
      value: diffusion.schedule.steps,
      expected: `at least 2 for ${name}`,
      advice: 'Use a schedule of more steps.',
    })
  }
}
