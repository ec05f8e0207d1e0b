import type { ParameterSpec, Parameters } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { clipByNorm, globalNorm } from './clip.ts'
import { updateAverage } from './ema.ts'
import { TrainingDivergedError, TrainingOptionError } from './errors.ts'
import { type FlatLayout, flatLayout, flatten, named, unflatten } from './flat.ts'
import type { LearningRateSchedule } from './learning-rate.ts'
import type { Optimizer } from './optimizer.ts'
import { cloneState, disposeState, type TrainingState } from './state.ts'
import type { TimestepSampler } from './timestep-sampler.ts'

/** Images in [−1, 1] and their classes, as `@guided-diffusion/datasets` yields them. */
export interface TrainingBatch {
  /** `[B, H, W, C]`, row-major. */
  readonly images: Float32Array
  /** `[B]`; absent where the images carry none. */
  readonly labels?: Int32Array
  readonly shape: readonly [number, number, number, number]
}

/**
 * The batches of a run after so many finished steps, which saw so many images. Equal positions must give equal
 * batches: that makes a resume exact.
 *
 * @example
 * const data = ({ step }) => batches(dataset, { batch: 64, seed: 1, start: step })
 */
export type TrainingData = (position: { step: number; samples: number }) => AsyncIterable<TrainingBatch>

/** What every training run is told. */
export interface TrainingOptions {
  readonly data: TrainingData
  /** Steps of the whole run, those before a resume included. */
  readonly steps: number
  readonly optimizer: Optimizer
  /** Names all noise, timesteps and dropped labels of the run. */
  readonly seed: number
  /**
   * Images a forward pass holds at once; gradients of a batch are added up. Dropout masks are drawn for each
   * microbatch; all else is as in one pass, up to rounding. @default the whole batch
   */
  readonly microbatch?: number
  /** Factor on the learning rate by step. @default constant 1 */
  readonly learningRate?: LearningRateSchedule
  /** Largest norm of the gradient; longer ones are shortened. @default no limit */
  readonly clip?: number
  /** Decays of the averages of the weights that are kept beside them. @default [] */
  readonly ema?: readonly number[]
  /** Lets young averages follow faster: see `updateAverage`. @default true */
  readonly emaWarmup?: boolean
  /** Losses are read back every so many steps; reading waits for a GPU. @default 1 */
  readonly lossEvery?: number
  /** Where to go on. Lent. */
  readonly state?: TrainingState
  /** Stops between steps with the signal's reason. */
  readonly signal?: AbortSignal
}

/** What a step did. */
export interface TrainingStep {
  /** Finished steps, 1 after the first. */
  readonly index: number
  /** Images seen by the whole run. */
  readonly samples: number
  readonly learningRate: number
  /** Mean of the batch, in steps where losses are read back. */
  readonly metrics?: TrainingMetrics
  /** Lent until the next step: save it or copy it. */
  readonly state: TrainingState
}

export interface TrainingMetrics {
  readonly loss: number
  /** Norm of the gradient before clipping. */
  readonly gradientNorm: number
  /** Mean loss by quarter of the noise levels, from the least noise to the most; NaN where none was drawn. */
  readonly lossByQuarter: readonly [number, number, number, number]
  /** Further means: parts of the loss, accuracy. */
  readonly [name: string]: number | readonly number[]
}

/** One microbatch on the backend. Lent. */
export interface Microbatch {
  readonly images: tf.Tensor4D
  readonly labels?: Int32Array
  readonly timesteps: Int32Array
  readonly step: number
  /** Position of its first image among all images of the run: the key of its noise. */
  readonly firstSample: number
}

/** What is trained: losses of images under given parameters. */
export interface Objective {
  readonly specs: readonly ParameterSpec[]
  readonly parameters: Parameters
  readonly timesteps: TimestepSampler
  /** Number of timesteps, for the quarters of the log. */
  readonly length: number
  /** Refuses a batch that does not fit, before anything is computed: a gradient that is cut short leaves tensors. */
  requireBatch?(batch: TrainingBatch): void
  /** `loss` `[B]` is differentiated; everything is logged by its mean. Inside a tidy. */
  losses(
    parameters: Parameters,
    batch: Microbatch,
  ): { readonly loss: tf.Tensor1D } & Record<string, tf.Tensor1D>
}

/**
 * The loop of every training run. State goes in and out of each step as vectors of all parameters; the step
 * itself is synchronous and tidied, and nothing random is left to a backend: the same seed, data and state
 * give the same run, wherever it was interrupted.
 */
export async function* train(objective: Objective, options: TrainingOptions): AsyncGenerator<TrainingStep> {
  const { lossEvery = 1, signal } = options
  requireOptions(options)
  const layout = flatLayout(objective.specs)
  if (options.state) requireState(layout, options.state, options)
  let state = options.state ? cloneState(options.state) : initialState(objective, layout, options)
  let batches: AsyncIterator<TrainingBatch> | undefined
  try {
    objective.timesteps.restore(state.timesteps)
    batches = options.data({ step: state.step, samples: state.samples })[Symbol.asyncIterator]()
    while (state.step < options.steps) {
      signal?.throwIfAborted()
      const { value: batch, done } = await batches.next()
      if (done) return
      const outcome = advance(objective, layout, options, state, batch)
      const before = state
      state = outcome.state
      disposeState(before)
      const read = objective.timesteps.observe !== undefined || state.step % lossEvery === 0
      const metrics = await readMetrics(outcome, objective, read)
      if (metrics) state = { ...state, timesteps: objective.timesteps.save() }
      yield {
        index: state.step,
        samples: state.samples,
        learningRate: options.optimizer.learningRate * outcome.factor,
        ...(metrics ? { metrics } : {}),
        state,
      }
    }
  } finally {
    disposeState(state)
    await batches?.return?.()
  }
}

const isCount = (value: number) => Number.isInteger(value) && value >= 1

function requireOptions(options: TrainingOptions): void {
  const { steps, microbatch = 1, lossEvery = 1, clip = 1, ema = [] } = options
  const refuse = (option: string, value: unknown, expected: string, advice: string) => {
    throw new TrainingOptionError({ option, value, expected, advice })
  }
  if (!Number.isInteger(steps) || steps < 0)
    refuse('steps', steps, 'a whole number of steps', 'Give the length of the whole run.')
  if (!isCount(microbatch))
    refuse(
      'microbatch',
      microbatch,
      'a positive whole number of images',
      'Leave it out to use whole batches.',
    )
  if (!isCount(lossEvery))
    refuse('lossEvery', lossEvery, 'a positive whole number of steps', 'Use 1 to read every loss.')
  if (!(clip > 0)) refuse('clip', clip, 'a positive norm', 'Leave it out to clip nothing.')
  if (!ema.every((decay) => decay > 0 && decay < 1))
    refuse('ema', ema, 'decays between 0 and 1', 'Usual decays are 0.999 and 0.9999.')
}

/** A resume goes on with what the run began with. */
function requireState(layout: FlatLayout, state: TrainingState, { ema }: TrainingOptions): void {
  if (state.layout.names.join() !== layout.names.join() || state.layout.length !== layout.length) {
    throw new TrainingOptionError({
      option: 'state',
      value: `${state.layout.names.length} tensors, ${state.layout.length} numbers`,
      expected: `those of the network: ${layout.names.length} tensors, ${layout.length} numbers`,
      advice: 'Resume with the configuration that the run began with.',
    })
  }
  const decays = state.averages.map(({ decay }) => decay)
  if (ema === undefined || ema.join() === decays.join()) return
  throw new TrainingOptionError({
    option: 'ema',
    value: ema,
    expected: `the averages of the state, ${JSON.stringify(decays)}`,
    advice: 'Resume with the same decays, or leave ema out.',
  })
}

/** Step 0: the objective's own parameters. */
function initialState(objective: Objective, layout: FlatLayout, options: TrainingOptions): TrainingState {
  const parameters = flatten(layout.names.map((name) => objective.parameters[name] as tf.Tensor))
  return {
    step: 0,
    samples: 0,
    specs: objective.specs,
    layout,
    parameters,
    moments: options.optimizer.init(parameters),
    averages: (options.ema ?? []).map((decay) => ({ decay, vector: tf.clone(parameters) })),
    timesteps: objective.timesteps.save(),
  }
}

interface Outcome {
  readonly state: TrainingState
  readonly factor: number
  readonly timesteps: Int32Array
  readonly norm: tf.Scalar
  /** Per-image values, one entry a microbatch. */
  readonly values: ReadonlyMap<string, tf.Tensor1D[]>
}

/** One step, synchronous: gradient of the batch, update, averages. */
function advance(
  objective: Objective,
  layout: FlatLayout,
  options: TrainingOptions,
  state: TrainingState,
  batch: TrainingBatch,
): Outcome {
  objective.requireBatch?.(batch)
  const drawn = objective.timesteps.draw({ seed: options.seed, step: state.step }, batch.shape[0])
  const { gradient, values } = batchGradient(objective, layout, options, state, batch, drawn)
  const norm = globalNorm(gradient)
  const clipped = options.clip === undefined ? gradient : clipByNorm(gradient, norm, options.clip)
  const factor = options.learningRate?.(state.step) ?? 1
  const step = state.step + 1
  const { parameters, moments } = options.optimizer.update({
    parameters: state.parameters,
    gradient: clipped,
    moments: state.moments,
    step,
    factor,
  })
  tf.dispose([gradient, clipped])
  const averages = state.averages.map(({ decay, vector }) => ({
    decay,
    vector: updateAverage(vector, parameters, { decay, step, warmup: options.emaWarmup ?? true }),
  }))
  const samples = state.samples + batch.shape[0]
  return {
    state: { ...state, step, samples, parameters, moments, averages },
    factor,
    timesteps: drawn.timesteps,
    norm,
    values,
  }
}

/** The gradient of the mean loss of a batch, microbatch by microbatch. */
function batchGradient(
  objective: Objective,
  layout: FlatLayout,
  options: TrainingOptions,
  state: TrainingState,
  batch: TrainingBatch,
  drawn: { timesteps: Int32Array; weights: Float32Array },
): { gradient: tf.Tensor1D; values: Map<string, tf.Tensor1D[]> } {
  const [count, ...shape] = batch.shape
  const size = options.microbatch ?? count
  const pixels = shape.reduce((product, length) => product * length, 1)
  const values = new Map<string, tf.Tensor1D[]>()
  const tensors = unflatten(layout, state.parameters)
  let gradient: tf.Tensor1D | undefined
  try {
    for (let start = 0; start < count; start += size) {
      const end = Math.min(start + size, count)
      const part = tf.tidy(() => {
        const microbatch: Microbatch = {
          images: tf.tensor4d(batch.images.subarray(start * pixels, end * pixels), [end - start, ...shape]),
          ...(batch.labels ? { labels: batch.labels.subarray(start, end) } : {}),
          timesteps: drawn.timesteps.subarray(start, end),
          step: state.step,
          firstSample: state.samples + start,
        }
        const weights = tf.tensor1d(drawn.weights.map((weight) => weight / count).subarray(start, end))
        const { grads } = tf.valueAndGrads((...leaves: tf.Tensor[]) => {
          const losses = objective.losses(named(layout, leaves), microbatch)
          for (const [name, value] of Object.entries(losses)) {
            values.set(name, [...(values.get(name) ?? []), tf.keep(tf.clone(value))])
          }
          return tf.sum(tf.mul(losses.loss, weights)) as tf.Scalar
        })(tensors)
        return flatten(grads)
      })
      if (gradient) {
        const sum: tf.Tensor1D = tf.add(gradient, part)
        tf.dispose([gradient, part])
        gradient = sum
      } else gradient = part
    }
  } catch (error) {
    tf.dispose([...(gradient ? [gradient] : []), ...[...values.values()].flat()])
    throw error
  } finally {
    tf.dispose(tensors)
  }
  return { gradient: gradient as tf.Tensor1D, values }
}

/** Reads back what a step logged and frees it. */
async function readMetrics(
  outcome: Outcome,
  objective: Objective,
  read: boolean,
): Promise<TrainingMetrics | undefined> {
  const { values, norm, state, timesteps } = outcome
  try {
    if (!read) return undefined
    const gradientNorm = (await norm.data())[0] as number
    const means: Record<string, number> = {}
    let losses = new Float32Array()
    for (const [name, parts] of values) {
      const rows = (await Promise.all(parts.map((part) => part.data<'float32'>()))).flatMap((row) => [...row])
      means[name] = mean(rows)
      if (name === 'loss') losses = Float32Array.from(rows)
    }
    const loss = means.loss as number
    for (const [what, value] of [['loss', loss] as const, ['gradient norm', gradientNorm] as const]) {
      if (!Number.isFinite(value)) throw new TrainingDivergedError({ step: state.step, what, value })
    }
    objective.timesteps.observe?.(timesteps, losses)
    const quarter = (q: number) =>
      mean([...losses].filter((_, i) => Math.floor((4 * (timesteps[i] as number)) / objective.length) === q))
    return { ...means, loss, gradientNorm, lossByQuarter: [quarter(0), quarter(1), quarter(2), quarter(3)] }
  } finally {
    tf.dispose([norm, ...[...values.values()].flat()])
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
