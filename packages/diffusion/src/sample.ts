/**
 * The sampling loop: one network pass, one guidance, one step of the sampler, for each step of the schedule.
 */
import * as tf from '@tensorflow/tfjs-core'
import { type Coefficients, coefficients } from './coefficients.ts'
import { ddim } from './ddim.ts'
import type { Denoiser } from './denoiser.ts'
import type { Diffusion } from './diffusion.ts'
import { AsynchronousDenoiserError, DiffusionOptionError, DivergenceError } from './errors.ts'
import { networkTimesteps } from './forward.ts'
import type { Guidance, GuidanceContext } from './guidance.ts'
import { nextTask } from './next-task.ts'
import { type ImageShape, initialNoise, stepNoise } from './noise.ts'
import { type Reverse, type ReverseOptions, reverse } from './reverse.ts'
import type { Sampler } from './sampler.ts'

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
  /** Number of images. @default as many as `samples` or `labels` */
  readonly count?: number
  /** Which samples of the seed to make; equal numbers share their noise. @default 0, 1, … */
  readonly samples?: readonly number[]
  /** Class of each image, for the denoiser and the guidance. */
  readonly labels?: ArrayLike<number>
  /** Where to begin, in place of noise from the seed: `[B, H, W, C]`, lent. */
  readonly start?: tf.Tensor4D
  /** The noise of step t, in place of that from the seed; handed over. */
  readonly noise?: (t: number) => tf.Tensor4D
  /** Checked between steps; the loop throws its reason. */
  readonly signal?: AbortSignal
}

/** A finished step. Its tensors are lent until the next one. */
export interface SamplingStep {
  /** 0 after the first step. */
  readonly index: number
  readonly total: number
  /** The step of the schedule that was made, counted from the image. */
  readonly t: number
  /** What the network was told. */
  readonly timestep: number
  /** x after the step, `[B, H, W, C]`. */
  readonly x: tf.Tensor4D
  /** What x_0 was taken to be, guidance included. */
  readonly xStart: tf.Tensor4D
  /** γ ∇ log p(y | x) of the step, where it was guided. */
  readonly gradient?: tf.Tensor4D
}

/**
 * Samples step by step. Leaving the loop early, aborting and errors free everything.
 *
 * @throws DiffusionOptionError before the first step when the options contradict each other;
 *   DenoiserOutputError; DivergenceError when the last x is not finite; the signal's reason.
 * @example
 * for await (const step of sample({ diffusion, denoiser, shape: [28, 28, 1], count: 4, seed: 1 })) {
 *   console.log(`${step.index + 1}/${step.total}`)
 * }
 */
export async function* sample(options: SamplingOptions): AsyncGenerator<SamplingStep, void, undefined> {
  const { diffusion, shape, seed, signal } = options
  const sampler = options.sampler ?? ddim()
  const samples = requireSamples(options)
  const labels = options.labels ? tf.tensor1d(Array.from(options.labels), 'int32') : undefined
  const order = stepOrder(diffusion, sampler)
  let x = options.start ? tf.clone(options.start) : initialNoise(seed, samples, shape)
  try {
    for (const [index, t] of order.entries()) {
      signal?.throwIfAborted()
      const made = await advance(options, sampler, { x, labels, samples, t, index, total: order.length })
      tf.dispose(x)
      x = made.x
      try {
        const timestep = diffusion.schedule.timesteps[t] as number
        if (index === order.length - 1) await requireFinite(x, { step: index, timestep })
        yield { index, total: order.length, t, timestep, ...made }
      } finally {
        tf.dispose([made.xStart, ...(made.gradient ? [made.gradient] : [])])
      }
      await nextTask()
    }
  } finally {
    tf.dispose(labels ? [x, labels] : x)
  }
}

interface Position {
  readonly x: tf.Tensor4D
  readonly labels: tf.Tensor1D | undefined
  readonly samples: readonly number[]
  readonly t: number
  readonly index: number
  readonly total: number
}

/** One step. Nothing is awaited inside a scope: each synchronous part is tidied for itself. */
async function advance(
  options: SamplingOptions,
  sampler: Sampler,
  { x, labels, samples, t, index, total }: Position,
): Promise<{ x: tf.Tensor4D; xStart: tf.Tensor4D; gradient?: tf.Tensor4D }> {
  const { diffusion, denoiser, guidance, shape, seed } = options
  const steps = new Array<number>(samples.length).fill(t)
  const at = coefficients(diffusion, steps)
  const timesteps = networkTimesteps(diffusion, steps)
  const tPrevious = networkTimesteps(
    diffusion,
    steps.map((step) => Math.max(0, step - 1)),
  )
  const lent: tf.Tensor[] = [timesteps, tPrevious, ...Object.values(at)]
  let gradient: tf.Tensor4D | undefined
  try {
    const output = await denoiser.forward(x, timesteps, labels)
    lent.push(output)
    const alone = tf.tidy(() => reverse(diffusion, at, x, output, options) as Reverse & tf.TensorContainer)
    lent.push(alone.mean, alone.logVariance, alone.xStart, alone.epsilon)
    if (guidance) {
      const context: GuidanceContext = {
        x,
        t: timesteps,
        tPrevious,
        ...(labels ? { labels } : {}),
        reverse: alone,
        predictXStart: (input) => predictXStart(options, at, { x: input, t: timesteps, labels }),
        index,
        total,
        alphaCumprod: diffusion.schedule.alphasCumprod[t] as number,
      }
      gradient = tf.tidy(() => guidance(context))
    }
    const noise = sampler.stochastic ? (options.noise?.(t) ?? stepNoise(seed, samples, t, shape)) : undefined
    if (noise) lent.push(noise)
    const next = tf.tidy(() =>
      // a step may answer with what it was lent: the clones are the loop's own
      own(
        sampler.step({
          x,
          reverse: alone,
          at,
          ...(gradient ? { gradient } : {}),
          ...(noise ? { noise } : {}),
        }),
      ),
    )
    return { ...next, ...(gradient ? { gradient } : {}) }
  } catch (error) {
    if (gradient) tf.dispose(gradient)
    throw error
  } finally {
    tf.dispose(lent)
  }
}

function own({ x, xStart }: { x: tf.Tensor4D; xStart: tf.Tensor4D }): {
  x: tf.Tensor4D
  xStart: tf.Tensor4D
} {
  return { x: tf.clone(x), xStart: tf.clone(xStart) }
}

function predictXStart(
  { diffusion, denoiser, clip, transformXStart }: SamplingOptions,
  at: Coefficients,
  { x, t, labels }: { x: tf.Tensor4D; t: tf.Tensor1D; labels: tf.Tensor1D | undefined },
): tf.Tensor4D {
  const output = denoiser.forward(x, t, labels)
  if (output instanceof Promise) {
    output.then((tensor) => tf.dispose(tensor)).catch(() => undefined)
    throw new AsynchronousDenoiserError()
  }
  return reverse(diffusion, at, x, output, {
    ...(clip === undefined ? {} : { clip }),
    ...(transformXStart ? { transformXStart } : {}),
  }).xStart
}

/** Down the schedule; the inversion goes up, and stops where there is no next step. */
function stepOrder(diffusion: Diffusion, sampler: Sampler): number[] {
  const { steps } = diffusion.schedule
  if (sampler.direction === 'reverse') return Array.from({ length: steps }, (_, i) => steps - 1 - i)
  return Array.from({ length: steps - 1 }, (_, i) => i)
}

function requireSamples({ count, samples, labels, start, shape }: SamplingOptions): readonly number[] {
  const length = samples?.length ?? count ?? labels?.length ?? start?.shape[0]
  const numbers = samples ?? Array.from({ length: length ?? 0 }, (_, i) => i)
  for (const [option, given] of [
    ['count', count],
    ['labels', labels?.length],
    ['start', start?.shape[0]],
  ] as const) {
    if (given === undefined || given === numbers.length) continue
    throw new DiffusionOptionError({
      option,
      value: given,
      expected: `${numbers.length} images, as ${samples ? 'samples' : 'count'} says`,
      advice: 'Say the number of images once, or the same everywhere.',
    })
  }
  if (!Number.isInteger(numbers.length) || numbers.length === 0) {
    throw new DiffusionOptionError({
      option: 'count',
      value: count,
      expected: 'one image or more',
      advice: 'Give count, samples, labels or start.',
    })
  }
  if (start?.shape.slice(1).some((size, i) => size !== shape[i])) {
    throw new DiffusionOptionError({
      option: 'start',
      value: start.shape,
      expected: `images of [${shape.join(', ')}]`,
      advice: 'Give shape as [height, width, channels] of the images.',
    })
  }
  return numbers
}

/** NaN is an error, not a picture. */
async function requireFinite(x: tf.Tensor4D, at: { step: number; timestep: number }): Promise<void> {
  const sum = tf.tidy(() => tf.sum(tf.abs(x)))
  try {
    const [value] = await sum.data()
    if (!Number.isFinite(value)) throw new DivergenceError({ ...at, what: 'x' })
  } finally {
    tf.dispose(sum)
  }
}
