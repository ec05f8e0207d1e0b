/**
 * A graph that runs. What runs it is a session: ONNX Runtime's, of Node (see `onnxRuntimeNode`) or another that fits.
 */
import * as tf from '@tensorflow/tfjs-core'
import { GraphInputError } from './errors.ts'
import type { ElementArray, Graph, Value } from './graph.ts'

export type SessionArray = Float32Array | Int32Array | Uint8Array

/** Runs one graph. */
export interface GraphSession {
  /** Inputs and outputs by name, as the graph has them. */
  run(inputs: ReadonlyMap<string, SessionArray>): Promise<ReadonlyMap<string, SessionArray>>
  dispose(): Promise<void>
}

/** Makes sessions. */
export interface GraphRuntime {
  readonly name: string
  /** One line for people. */
  readonly description: string
  open(graph: Graph): Promise<GraphSession>
}

/** A traced function: tensors in, tensors out. */
export interface CompiledFunction {
  readonly graph: Graph
  /**
   * Inputs are lent, results are yours. On the current backend.
   *
   * @param numbers inputs that are given as they are.
   *
   * @throws GraphInputError when names or shapes are not those of the trace.
   */
  run(
    inputs: Readonly<Record<string, tf.Tensor>>,
    numbers?: ReadonlyMap<string, ElementArray>,
  ): Promise<Record<string, tf.Tensor>>
  dispose(): Promise<void>
}

export function compiledFunction(graph: Graph, session: GraphSession): CompiledFunction {
  return {
    graph,
    run: async (inputs, numbers) => {
      const feeds = new Map<string, SessionArray>()
      for (const value of graph.inputs) {
        const given = numbers?.get(value.name) as SessionArray | undefined
        feeds.set(value.name, given ?? (await read(value, inputs[value.name])))
      }
      const results = await session.run(feeds)
      return Object.fromEntries(
        graph.outputs.map(({ name, shape, type }, i) => {
          const data = results.get(name) as SessionArray
          return [graph.outputNames[i] as string, tf.tensor(data, [...shape], type as tf.DataType)]
        }),
      )
    },
    dispose: () => session.dispose(),
  }
}

async function read(value: Value, tensor: tf.Tensor | undefined): Promise<SessionArray> {
  const { name, shape, type } = value
  const fits =
    tensor &&
    tensor.dtype === type &&
    tensor.shape.length === shape.length &&
    shape.every((n, i) => n === tensor.shape[i])
  if (!fits) {
    throw new GraphInputError({
      input: name,
      actual: tensor ? `${tensor.dtype} [${tensor.shape.join(', ')}]` : 'absent',
      expected: `${type} [${shape.join(', ')}]`,
      advice: 'A graph runs with the shapes that it was traced for; compile it again for others.',
    })
  }
  return (await tensor.data()) as SessionArray
}
