/**
 * One step of the sampling loop as a pure function of tensors: network, guidance, sampler. It runs eagerly, or elsewhere
 * as a whole (a traced graph): whatever changes from step to step comes in as a tensor, or is noticed.
 */
import * as tf from '@tensorflow/tfjs-core'
import { type Coefficients, coefficientNames, coefficientsFrom } from './coefficients.ts'
import { AsynchronousDenoiserError } from './errors.ts'
import type { GuidanceContext } from './guidance.ts'
import { reverse } from './reverse.ts'
import type { Sampler } from './sampler.ts'
import type { SamplingOptions } from './sampling-options.ts'

export type NamedTensors = Readonly<Record<string, tf.Tensor>>

/** A step: inputs are lent, results are the caller's. */
export interface StepFunction {
  /**
   * From `x` `[B, H, W, C]`, `t` and `tPrevious` `[B]`, `coefficients` `[n, B]` in the order of `coefficientNames`, and
   * where the run has them `labels` `[B]` int32 and `noise` `[B, H, W, C]`, to the next `x`, `xStart`, `gradient` of a
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

/** Runs steps. Inputs are lent, results are the caller's, on the current backend. */
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

/** A step's result under flat names, and back. */
function flat({ observed = {}, ...result }: StepResult): NamedTensors {
  const named = Object.entries(observed).map(([name, tensor]) => [observedPrefix + name, tensor])
  return { ...result, ...Object.fromEntries(named) }
}

export function stepResult(named: NamedTensors): StepResult {
  const result: Record<string, tf.Tensor> = {}
  const observed: Record<string, tf.Tensor> = {}
  for (const [name, tensor] of Object.entries(named)) {
    if (name.startsWith(observedPrefix)) observed[name.slice(observedPrefix.length)] = tensor
    else result[name] = tensor
  }
  return { ...result, ...(Object.keys(observed).length > 0 ? { observed } : {}) } as unknown as StepResult
}

/**
 * A step, given the output of the denoiser. Guidance, observer and sampler may answer with what they were lent: what leaves are
 * clones, the caller's.
 */
export function finishStep(
  options: SamplingOptions,
  sampler: Sampler,
  output: tf.Tensor4D,
  { x, t, tPrevious, labels, noise, at }: StepInputs,
  facts: StepFacts,
): StepResult {
  return tf.tidy(() => {
    const { diffusion, guidance, observe } = options
    const alone = reverse(diffusion, at, x, output, options)
    const context: GuidanceContext = {
      x,
      t,
      tPrevious,
      ...(labels ? { labels } : {}),
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
    const given = { ...(gradient ? { gradient } : {}), ...(noise ? { noise } : {}) }
    const next = sampler.step({ x, reverse: alone, at, ...given })
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
      return flat(finishStep(options, sampler, output, given, watched))
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
