import type * as tf from '@tensorflow/tfjs-core'
import { type CompiledFunction, compiledFunction, type GraphRuntime } from './session.ts'
import { type TensorSpec, type Tensors, type TraceOptions, trace } from './trace.ts'

export interface CompileOptions extends TraceOptions {
  /** What runs the graph. */
  readonly runtime: GraphRuntime
}

/**
 * Traces a function and makes it ready to run.
 *
 * @throws UntraceableOperationError, RuntimeUnavailableError
 * @example
 * const compiled = await compile(({ x }) => ({ y: tf.softmax(x) }), { x: { shape: [8, 10], dtype: 'float32' } }, {
 *   runtime: await onnxRuntimeNode(),
 * })
 * const { y } = await compiled.run({ x })
 */
export async function compile(
  fn: (inputs: Record<string, tf.Tensor>) => Tensors,
  inputs: Readonly<Record<string, TensorSpec>>,
  { runtime, ...options }: CompileOptions,
): Promise<CompiledFunction> {
  const graph = trace(fn, inputs, options)
  return compiledFunction(graph, await runtime.open(graph))
}
