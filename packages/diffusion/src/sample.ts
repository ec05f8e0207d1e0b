/**
 * The sampling loop: one network pass, one guidance, one step of the sampler, for each step of the schedule.
 */
import * as tf from '@tensorflow/tfjs-core'
import { type Coefficients, coefficients } from './coefficients.ts'
import { ddim } from './ddim.ts'
import type { Diffusion } from './diffusion.ts'
import { AsynchronousDenoiserError, DivergenceError } from './errors.ts'
import { networkTimesteps } from './forward.ts'
import type { GuidanceContext } from './guidance.ts'
import { nextTask } from './next-task.ts'
import { initialNoise, stepNoise } from './noise.ts'
import { type Reverse, reverse } from './reverse.ts'
import type { Sampler } from './sampler.ts'
import { type SamplingOptions, samplesOf } from './sampling-options.ts'

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
  /** What the sampler took x_0 to be. DDIM's has the guidance in it, DDPM's is the network's own. */
  readonly xStart: tf.Tensor4D
  /** γ ∇ log p(y | x) of the step, where it was guided. */
  readonly gradient?: tf.Tensor4D
}

/**
 * Samples step by step. Leaving the loop early, aborting and errors free everything.
 *
 * @throws DiffusionOptionError before the first step when the options contradict each other;
 *   DenoiserOutputError; DivergenceError after the first step that has no finite numbers; the signal's reason.
 * @example
 * for await (const step of sample({ diffusion, denoiser, shape: [28, 28, 1], count: 4, seed: 1 })) {
 *   console.log(`${step.index + 1}/${step.total}`)
 * }
 */
export async function* sample(options: SamplingOptions): AsyncGenerator<SamplingStep, void, undefined> {
  const { diffusion, shape, seed, signal, sampler = ddim() } = options
  const samples = samplesOf(options, sampler)
  const order = stepOrder(diffusion, sampler)
  let x = options.start ? tf.clone(options.start) : initialNoise(seed, samples, shape)
  const labels = options.labels ? tf.tensor1d(Array.from(options.labels), 'int32') : undefined
  try {
    for (const [index, t] of order.entries()) {
      signal?.throwIfAborted()
      const made = await advance(options, sampler, { x, labels, samples, t, index, total: order.length })
      tf.dispose(x)
      x = made.x
      try {
        const timestep = diffusion.schedule.timesteps[t] as number
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

type Made = Pick<SamplingStep, 'x' | 'xStart' | 'gradient'>

/**
 * One step. Nothing is awaited inside a scope: each synchronous part is tidied for itself. Guidance and sampler may
 * answer with what they were lent: what leaves their scopes are clones, the loop's own.
 */
async function advance(
  options: SamplingOptions,
  sampler: Sampler,
  { x, labels, samples, t, index, total }: Position,
): Promise<Made> {
  const { diffusion, denoiser, guidance, shape, seed } = options
  const steps = new Array<number>(samples.length).fill(t)
  const at = coefficients(diffusion, steps)
  const timesteps = networkTimesteps(diffusion, steps)
  const lent: tf.Tensor[] = [timesteps, ...Object.values(at)]
  const made: tf.Tensor[] = []
  try {
    const output = await denoiser.forward(x, timesteps, labels)
    lent.push(output)
    const alone = tf.tidy(() => reverse(diffusion, at, x, output, options) as Reverse & tf.TensorContainer)
    lent.push(...Object.values(alone))
    let gradient: tf.Tensor4D | undefined
    if (guidance) {
      const previous = steps.map((step) => Math.max(0, step - 1))
      const tPrevious = networkTimesteps(diffusion, previous)
      lent.push(tPrevious)
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
      gradient = tf.tidy(() => tf.clone(guidance(context)))
      made.push(gradient)
    }
    const noise = sampler.stochastic ? (options.noise?.(t) ?? stepNoise(seed, samples, t, shape)) : undefined
    if (noise) lent.push(noise)
    const given = { ...(gradient ? { gradient } : {}), ...(noise ? { noise } : {}) }
    const next = tf.tidy(() => {
      const stepped = sampler.step({ x, reverse: alone, at, ...given })
      return { x: tf.clone(stepped.x), xStart: tf.clone(stepped.xStart) }
    })
    made.push(next.x, next.xStart)
    const timestep = diffusion.schedule.timesteps[t] as number
    await requireFinite({ "the denoiser's output": output, x: next.x }, { step: index, timestep })
    return { ...next, ...(gradient ? { gradient } : {}) }
  } catch (error) {
    tf.dispose(made)
    throw error
  } finally {
    tf.dispose(lent)
  }
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

/**
 * NaN is an error, not a picture. The output is looked at beside x, since clipping on the wasm backend makes −1 of NaN.
 */
async function requireFinite(
  tensors: Readonly<Record<string, tf.Tensor4D>>,
  at: { readonly step: number; readonly timestep: number },
): Promise<void> {
  const sums = tf.tidy(() => tf.stack(Object.values(tensors).map((tensor) => tf.sum(tf.abs(tensor)))))
  try {
    const values = await sums.data()
    const what = Object.keys(tensors).find((_, i) => !Number.isFinite(values[i]))
    if (what) throw new DivergenceError({ ...at, what })
  } finally {
    tf.dispose(sums)
  }
}
