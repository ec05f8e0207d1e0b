import * as tf from '@tensorflow/tfjs-core'
import { DisposedResultError } from './errors.ts'
import { type ElementArray, type Graph, GraphBuilder } from './graph.ts'
import { recordingBackend } from './recorder.ts'
import { backendName, elementType, Recording } from './recording-backend.ts'
import { canonical, viewOf } from './view.ts'

/** Shape and type of an input; a tensor is one. */
export interface TensorSpec {
  readonly shape: readonly number[]
  readonly dtype: tf.DataType
}

export type Tensors = Readonly<Record<string, tf.Tensor>>

export interface TraceOptions {
  /** Weights by name: constants of the graph are called so. They must stay alive until the graph is written. */
  readonly weights?: Tensors
}

/**
 * Runs a function once without computing anything, and returns what it would compute as a graph. Gradients
 * (`tf.grad`, `tf.customGrad`) are part of it. The running backend stays as it is; what depends on no input is computed on
 * it.
 *
 * @param fn from named tensors to named tensors; pure, and without reading numbers.
 * @param inputs names, shapes and types of what the graph takes.
 * @throws UntraceableOperationError with the operation and where it was called; DisposedResultError.
 * @example
 * const graph = trace(({ x }) => ({ y: tf.mul(x, 2) }), { x: { shape: [2, 3], dtype: 'float32' } })
 */
export function trace(
  fn: (inputs: Record<string, tf.Tensor>) => Tensors,
  inputs: Readonly<Record<string, TensorSpec>>,
  { weights = {} }: TraceOptions = {},
): Graph {
  return record(fn, inputs, { weights: Object.entries(weights), numbers: 'constants' }).graph
}

/** A trace, and the numbers that the function made, where they are inputs. */
export interface TracedGraph {
  readonly graph: Graph
  /** Values of the inputs that stand for numbers, by name. */
  readonly numbers: ReadonlyMap<string, ElementArray>
}

/**
 * A trace. Numbers that the function makes (`tf.scalar`, `tf.tensor`) are constants of the graph, or inputs of it: then
 * one graph serves a function that makes other numbers each time.
 */
export function record(
  fn: (inputs: Record<string, tf.Tensor>) => Tensors,
  inputs: Readonly<Record<string, TensorSpec>>,
  options: {
    readonly weights: readonly (readonly [string, tf.Tensor])[]
    readonly numbers: 'constants' | 'inputs'
    /** Tensors that the function has from outside and that are inputs of the graph all the same. */
    readonly data?: Tensors
  },
): TracedGraph {
  const labels = new Map(options.weights.map(([name, { dataId }]) => [dataId as object, name]))
  const builder = new GraphBuilder()
  const data = new Map(
    Object.entries(options.data ?? {}).map(([name, { dataId, dtype, shape }]) => [
      dataId as object,
      builder.optionalInput(name, elementType(dtype), shape),
    ]),
  )
  const recording = new Recording(builder, { labels, numbers: options.numbers, data })
  const backend = recordingBackend(recording.home.name)
  const preceding = backend.recording
  backend.recording = recording
  void tf.setBackend(backendName)
  try {
    let graph: Graph | undefined
    tf.tidy(() => {
      const tensors = Object.fromEntries(
        Object.entries(inputs).map(([name, { shape, dtype }]) => {
          const value = builder.input(name, elementType(dtype), shape)
          const info = backend.register({ kind: 'view', view: viewOf(value) })
          return [name, tf.engine().makeTensorFromTensorInfo(info)]
        }),
      )
      const results = Object.entries(fn(tensors)).map(([name, tensor]) => {
        if (tensor.isDisposed) throw new DisposedResultError({ result: name })
        const operand = recording.operand(tensor, backend.held(tensor.dataId as object))
        return [name, canonical(builder, operand.view)] as const
      })
      graph = withNumbers(builder.finish(new Map(results)))
    })
    return { graph: graph as Graph, numbers: recording.numbers }
  } finally {
    void tf.setBackend(recording.home.name)
    backend.recording = preceding
    recording.dispose()
  }
}

/** The numbers that were made while tracing, read now, before their tensors are freed. Weights wait. */
function withNumbers(graph: Graph): Graph {
  return {
    ...graph,
    initializers: graph.initializers.map((initializer) => {
      if (initializer.label !== undefined) return initializer
      const numbers = initializer.read()
      return { ...initializer, read: () => numbers }
    }),
  }
}
