import type * as tf from '@tensorflow/tfjs-core'
import type { Graph } from './graph.ts'
import { graphKey } from './graph-key.ts'
import { type CompiledFunction, compiledFunction, type GraphRuntime } from './session.ts'
import { record, type Tensors } from './trace.ts'

/** A pure function of named tensors that may look at numbers which change from call to call, and says whether it did. */
export interface SteppedFunction {
  (inputs: Tensors): Tensors
  readonly varies: () => boolean
}

export interface CompiledSteps {
  /** For `execute` of `sample` and `generate` in `@guided-diffusion/diffusion`. */
  execute(step: SteppedFunction, inputs: Tensors): Promise<Record<string, tf.Tensor>>
  /** Frees all graphs. */
  dispose(): Promise<void>
}

export interface CompiledStepsOptions {
  readonly runtime: GraphRuntime
  /** Weights of the networks that steps use, one record a network: read when a graph is written, and not before. */
  readonly weights?: readonly Tensors[]
  /**
   * Tensors that steps use beside their inputs and that differ from run to run, such as the images which a
   * super-resolution network enlarges. A graph takes them as inputs, where it would have them as constants. Asked for at
   * each step.
   */
  readonly data?: () => Tensors
  /** Graphs that are kept ready; the one that was not used for longest goes first. @default 4 */
  readonly keep?: number
}

/**
 * Runs whole steps of a loop as graphs: each step is traced once for each shape of its inputs. On WebGPU the results that
 * are like the input `x` stay on the device, and go from there into the next step: `await tensor.data()` brings one back,
 * and must come before other operations on it. Where a step looks at
 * numbers that change (a scale as a function of the step), it is traced anew each time, which costs no arithmetic, and the
 * graph is made again only where its form differs.
 *
 * @example
 * const steps = compiledSteps({ runtime: await onnxRuntimeNode(), weights: [unet.parameters, classifier.parameters] })
 * const images = await generate({ diffusion, denoiser: unet, guidance, shape, labels, seed: 1, execute: steps.execute })
 */
export function compiledSteps(options: CompiledStepsOptions): CompiledSteps {
  const { runtime, weights = [], keep = 4 } = options
  const names = weights.flatMap((record, network) =>
    Object.entries(record).map(
      ([name, tensor]) => [weights.length > 1 ? `${network}/${name}` : name, tensor] as const,
    ),
  )
  const traced = new WeakMap<SteppedFunction, Map<string, { key: string }>>()
  const ready = new Map<string, Promise<CompiledFunction>>()

  /** A graph that is ready; the last that goes now. */
  const take = (key: string): Promise<CompiledFunction> | undefined => {
    const found = ready.get(key)
    if (found) {
      ready.delete(key)
      ready.set(key, found)
    }
    return found
  }

  const prepare = async (key: string, graph: Graph, hold: readonly string[]): Promise<CompiledFunction> => {
    const found = take(key)
    if (found) return found
    for (const [oldest, compiled] of ready) {
      if (ready.size < keep) break
      ready.delete(oldest)
      await (await compiled).dispose()
    }
    const made = runtime.open(graph, { hold }).then((session) => compiledFunction(graph, session))
    ready.set(key, made)
    made.catch(() => ready.delete(key))
    return made
  }

  const execute: CompiledSteps['execute'] = async (step, own) => {
    const data = Object.fromEntries(
      Object.entries(options.data?.() ?? {}).map(([name, tensor]) => [`data/${name}`, tensor] as const),
    )
    const inputs = { ...own, ...data }
    const shapes = JSON.stringify(
      Object.entries(inputs).map(([name, { shape, dtype }]) => [name, shape, dtype]),
    )
    const keys = traced.get(step) ?? new Map<string, { key: string }>()
    traced.set(step, keys)
    const known = keys.get(shapes)
    const compiled = known && (await take(known.key))
    if (compiled) return compiled.run(inputs)
    let result = record(step, own, { weights: names, numbers: 'constants', data })
    if (step.varies()) result = record(step, own, { weights: names, numbers: 'inputs', data })
    const key = graphKey(result.graph)
    if (!step.varies()) keys.set(shapes, { key })
    const made = await prepare(key, result.graph, alike(result.graph, inputs.x))
    return made.run(inputs, result.numbers)
  }

  return {
    execute,
    dispose: async () => {
      const all = [...ready.values()]
      ready.clear()
      for (const compiled of all) await (await compiled).dispose()
    },
  }
}

/** Outputs like the input: the next x, which goes in again, and what is looked at beside it. */
function alike({ outputs }: Graph, x: tf.Tensor | undefined): readonly string[] {
  const { shape, dtype } = x ?? {}
  return outputs
    .filter((output) => output.type === dtype && String(output.shape) === String(shape))
    .map(({ name }) => name)
}
