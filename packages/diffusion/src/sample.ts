/**
 * The sampling loop: one network pass, one guidance, one step of the sampler, for each step of the schedule.
 */
import * as tf from '@tensorflow/tfjs-core'
import { coefficients, coefficientTable } from './coefficients.ts'
import { ddim } from './ddim.ts'
import type { Diffusion } from './diffusion.ts'
import { DivergenceError } from './errors.ts'
import { networkTimesteps } from './forward.ts'
import type { NamedTensors } from './named-tensors.ts'
import { nextTask } from './next-task.ts'
import { initialNoise, stepNoise } from './noise.ts'
import type { Sampler } from './sampler.ts'
import { type SamplingOptions, samplesOf } from './sampling-options.ts'
import {
  finishStep,
  givenInputs,
  type StepFacts,
  type StepFunction,
  type StepInputs,
  type StepResult,
  stepFunction,
  stepResult,
} from './step.ts'

/**
 * A finished step. Its tensors are lent until the next one. Those of steps that ran as a graph on a graphics card lie there:
 * `await step.x.data()` before other operations.
 */
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
  /** What `observe` answered. */
  readonly observed?: NamedTensors
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
  let facts: StepFacts = { index: 0, total: order.length, alphaCumprod: 0 }
  const step = options.execute && stepFunction(options, sampler, () => facts)
  let x = options.start ? tf.clone(options.start) : initialNoise(seed, samples, shape)
  const labels = options.labels ? tf.tensor1d(Array.from(options.labels), 'int32') : undefined
  try {
    for (const [index, t] of order.entries()) {
      signal?.throwIfAborted()
      facts = { index, total: order.length, alphaCumprod: diffusion.schedule.alphasCumprod[t] as number }
      const made = await advance(options, sampler, step, { x, labels, samples, t, facts })
      tf.dispose(x)
      x = made.x
      try {
        const timestep = diffusion.schedule.timesteps[t] as number
        yield { index, total: order.length, t, timestep, ...made }
      } finally {
        const { x: _, ...passed } = made
        tf.dispose({ ...passed })
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
  readonly facts: StepFacts
}

type Made = Pick<SamplingStep, 'x' | 'xStart' | 'gradient' | 'observed'>

/** One step. Nothing is awaited inside a scope: each synchronous part is tidied for itself. */
async function advance(
  options: SamplingOptions,
  sampler: Sampler,
  step: StepFunction | undefined,
  { x, labels, samples, t, facts }: Position,
): Promise<Made> {
  const { diffusion, denoiser, shape, seed, execute } = options
  const steps = new Array<number>(samples.length).fill(t)
  const previous = steps.map((each) => Math.max(0, each - 1))
  const lent: Record<string, tf.Tensor> = {
    t: networkTimesteps(diffusion, steps),
    tPrevious: networkTimesteps(diffusion, previous),
  }
  let made: StepResult | undefined
  try {
    if (sampler.stochastic) lent.noise = options.noise?.(t) ?? stepNoise(seed, samples, t, shape)
    if (options.given) Object.assign(lent, givenInputs(options.given(facts.index)))
    const tensors = { ...lent, x, ...(labels ? { labels } : {}) }
    if (step && execute) {
      lent.coefficients = coefficientTable(diffusion, steps)
      made = stepResult(await execute(step, { ...tensors, coefficients: lent.coefficients }))
    } else {
      const at = coefficients(diffusion, steps)
      Object.assign(lent, at)
      lent.output = await denoiser.forward(x, lent.t as tf.Tensor1D, labels)
      const inputs = { ...tensors, at } as unknown as StepInputs
      made = finishStep(options, sampler, lent.output as tf.Tensor4D, inputs, facts)
    }
    const timestep = diffusion.schedule.timesteps[t] as number
    await requireFinite(made.magnitudes, { step: facts.index, timestep })
    const { magnitudes, ...result } = made
    tf.dispose(magnitudes)
    return result
  } catch (error) {
    if (made) tf.dispose({ ...made })
    throw error
  } finally {
    tf.dispose(lent)
  }
}

/** Down the schedule; the inversion goes up, and stops where there is no next step. */
function stepOrder(diffusion: Diffusion, sampler: Sampler): number[] {
  const { steps } = diffusion.schedule
  if (sampler.direction === 'reverse') return Array.from({ length: steps }, (_, i) => steps - 1 - i)
  return Array.from({ length: steps - 1 }, (_, i) => i)
}

/** NaN is an error, not a picture. */
async function requireFinite(
  magnitudes: tf.Tensor1D,
  at: { readonly step: number; readonly timestep: number },
): Promise<void> {
  const [output, x] = await magnitudes.data()
  const what = !Number.isFinite(output) ? "the denoiser's output" : !Number.isFinite(x) ? 'x' : undefined
  if (what) throw new DivergenceError({ ...at, what })
}
