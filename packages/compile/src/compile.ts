import type * as tf from '@tensorflow/tfjs-core'
import { UnknownResultError } from './errors.ts'
import { type CompiledFunction, compiledFunction, type GraphRuntime } from './session.ts'
import { type TensorSpec, type Tensors, type TraceOptions, trace } from './trace.ts'

export interface CompileOptions extends TraceOptions {
  /** What runs the graph. */
  readonly runtime: GraphRuntime
  /**
   * Results that stay on the device of a runtime that has one (WebGPU): a graph takes them from there. Other operations
   * on them want `await tensor.data()` first.
   *
   * @default none
   */
  readonly hold?: readonly string[]
}

/**
 * Traces a function and makes it ready to run.
 *
 * @throws UntraceableOperationError, RuntimeUnavailableError, UnknownResultError
 * @example
 * const compiled = await compile(({ x }) => ({ y: tf.softmax(x) }), { x: { shape: [8, 10], dtype: 'float32' } }, {
 *   runtime: await onnxRuntimeNode(),
 * })
 * const { y } = await compiled.run({ x })
 */
export async function compile(
  fn: (inputs: Record<string, tf.Tensor>) => Tensors,
  inputs: Readonly<Record<string, TensorSpec>>,
  { runtime, hold = [], ...options }: CompileOptions,
): Promise<CompiledFunction> {
  const graph = trace(fn, inputs, options)
  const unknown = hold.find((name) => !graph.outputNames.includes(name))
  if (unknown !== undefined) throw new UnknownResultError({ result: unknown, results: graph.outputNames })
  const held = graph.outputs.filter((_, i) => hold.includes(graph.outputNames[i] as string))
  return compiledFunction(graph, await runtime.open(graph, { hold: held.map(({ name }) => name) }))
}
