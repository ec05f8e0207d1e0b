/**
 * One step of the sampling loop as a pure function of tensors: network, guidance, sampler. It runs eagerly, or elsewhere
 * as a whole (a traced graph): whatever changes from step to step comes in as a tensor, or is noticed.
 */
import * as tf from '@tensorflow/tfjs-core'
import { type Coefficients, coefficientNames, coefficientsFrom } from './coefficients.ts'
import { AsynchronousDenoiserError } from './errors.ts'
import type { GuidanceContext } from './guidance.ts'
import type { NamedTensors } from './named-tensors.ts'
import { reverse } from './reverse.ts'
import type { Sampler } from './sampler.ts'
import type { SamplingOptions } from './sampling-options.ts'

/** A step: inputs are lent, results are the caller's. */
export interface StepFunction {
  /**
   * From `x` `[B, H, W, C]`, `t` and `tPrevious` `[B]`, `coefficients` `[n, B]` in the order of `coefficientNames`, and
   * where the run has them `labels` `[B]` int32, `noise` `[B, H, W, C]` and `given/…`, to the next `x`, `xStart`, `gradient` of a
   * guided run, `magnitudes` `[2]`: the sums of |output of the denoiser| and |x|, finite if all of theirs are; and
   * `observed/…`, whatever `observe` answers.
   *
   * @throws AsynchronousDenoiserError
   */
  (inputs: NamedTensors): NamedTensors
  /**
   * Whether the last call looked at the number of the step (`index`, `total`, `alphaCumprod` of the guidance's context)
   * and so does not stand for other steps.
   */
  readonly varies: () => boolean
}

/** Runs steps. Inputs are lent, results are the caller's; they may lie where they were made until they are read. */
export type StepExecutor = (step: StepFunction, inputs: NamedTensors) => Promise<NamedTensors>

/** What a step is told in numbers. */
export interface StepFacts {
  readonly index: number
  readonly total: number
  readonly alphaCumprod: number
}

/** A step's tensors. */
export interface StepInputs {
  readonly x: tf.Tensor4D
  readonly t: tf.Tensor1D
  readonly tPrevious: tf.Tensor1D
  readonly labels?: tf.Tensor1D
  readonly noise?: tf.Tensor4D
  readonly at: Coefficients
  /** `given/…`: what the run gives the guidance. */
  readonly [given: `given/${string}`]: tf.Tensor
}

/** A finished step: x, x̂_0, the gradient of a guided one, what was observed, and what shows whether it is finite. */
export interface StepResult {
  readonly x: tf.Tensor4D
  readonly xStart: tf.Tensor4D
  readonly gradient?: tf.Tensor4D
  readonly observed?: NamedTensors
  readonly magnitudes: tf.Tensor1D
}

const observedPrefix = 'observed/'
const givenPrefix = 'given/'

/** The same with a prefix before each name. */
function prefixed(prefix: string, tensors: NamedTensors): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]))
}

/** The tensors whose names begin with the prefix, without it; nothing where there are none. */
function under(prefix: string, tensors: NamedTensors): NamedTensors | undefined {
  const found = Object.entries(tensors).filter(([name]) => name.startsWith(prefix))
  if (found.length === 0) return undefined
  return Object.fromEntries(found.map(([name, tensor]) => [name.slice(prefix.length), tensor]))
}

/** What a step is given beside its own inputs, under the names that these have among them. */
export function givenInputs(given: NamedTensors): NamedTensors {
  return prefixed(givenPrefix, given)
}

/** The result of a step that was executed as one function. */
export function stepResult(named: NamedTensors): StepResult {
  const observed = under(observedPrefix, named)
  const { x, xStart, gradient, magnitudes } = named
  return {
    x,
    xStart,
    ...(gradient ? { gradient } : {}),
    ...(observed ? { observed } : {}),
    magnitudes,
  } as StepResult
}

/**
 * A step, given the output of the denoiser. Guidance, observer and sampler may answer with what they were lent: what leaves are
 * clones, the caller's.
 */
export function finishStep(
  options: SamplingOptions,
  sampler: Sampler,
  output: tf.Tensor4D,
  { at, ...inputs }: StepInputs,
  facts: StepFacts,
): StepResult {
  const { x, t, tPrevious, labels, noise } = inputs
  const given = under(givenPrefix, inputs as NamedTensors)
  return tf.tidy(() => {
    const { diffusion, guidance, observe } = options
    const alone = reverse(diffusion, at, x, output, options)
    const context: GuidanceContext = {
      x,
      t,
      tPrevious,
      ...(labels ? { labels } : {}),
      ...(given ? { given } : {}),
      reverse: alone,
      predictXStart: (input) => predictXStart(options, at, { x: input, t, labels }),
      get index() {
        return facts.index
      },
      get total() {
        return facts.total
      },
      get alphaCumprod() {
        return facts.alphaCumprod
      },
    }
    const gradient = guidance ? tf.clone(guidance(context)) : undefined
    const observed = observe && cloned(observe(context))
    const pulled = { ...(gradient ? { gradient } : {}), ...(noise ? { noise } : {}) }
    const next = sampler.step({ x, reverse: alone, at, ...pulled })
    // the output is looked at beside x, since clipping on the wasm backend makes −1 of NaN
    const magnitudes = tf.stack([tf.sum(tf.abs(output)), tf.sum(tf.abs(next.x))]) as tf.Tensor1D
    return {
      x: tf.clone(next.x),
      xStart: tf.clone(next.xStart),
      ...(gradient ? { gradient } : {}),
      ...(observed ? { observed } : {}),
      magnitudes,
    } as StepResult & tf.TensorContainerObject
  }) as StepResult
}

const cloned = (tensors: NamedTensors): NamedTensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tf.clone(tensor)]))

/** The step of a run as one function, network included. `facts` are those of the step that is being made. */
export function stepFunction(
  options: SamplingOptions,
  sampler: Sampler,
  facts: () => StepFacts,
): StepFunction {
  let looked = false
  const watched: StepFacts = {
    get index() {
      looked = true
      return facts().index
    },
    get total() {
      looked = true
      return facts().total
    },
    get alphaCumprod() {
      looked = true
      return facts().alphaCumprod
    },
  }
  const step = (inputs: NamedTensors): NamedTensors => {
    looked = false
    return tf.tidy(() => {
      const { coefficients, ...tensors } = inputs
      const rows = tf.split(coefficients as tf.Tensor2D, coefficientNames.length, 0)
      const at = coefficientsFrom(rows.map((row) => tf.reshape<tf.Rank.R4>(row, [-1, 1, 1, 1])))
      const given = { ...tensors, at } as unknown as StepInputs
      const output = immediate(options.denoiser.forward(given.x, given.t, given.labels))
      const { observed = {}, ...made } = finishStep(options, sampler, output, given, watched)
      return { ...made, ...prefixed(observedPrefix, observed) }
    }) as NamedTensors
  }
  return Object.assign(step, { varies: () => looked })
}

function predictXStart(
  { diffusion, denoiser, clip, transformXStart }: SamplingOptions,
  at: Coefficients,
  { x, t, labels }: { x: tf.Tensor4D; t: tf.Tensor1D; labels: tf.Tensor1D | undefined },
): tf.Tensor4D {
  const output = immediate(denoiser.forward(x, t, labels))
  return reverse(diffusion, at, x, output, {
    ...(clip === undefined ? {} : { clip }),
    ...(transformXStart ? { transformXStart } : {}),
  }).xStart
}

/** @throws AsynchronousDenoiserError when the denoiser answers with a promise. */
function immediate(output: tf.Tensor4D | Promise<tf.Tensor4D>): tf.Tensor4D {
  if (!(output instanceof Promise)) return output
  output.then((tensor) => tf.dispose(tensor)).catch(() => undefined)
  throw new AsynchronousDenoiserError()
}
