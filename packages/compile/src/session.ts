/**
 * A graph that runs. What runs it is a session: ONNX Runtime's, of Node (see `onnxRuntimeNode`) or another that fits.
 */
import * as tf from '@tensorflow/tfjs-core'
import { deviceArrayOf, deviceTensor } from './device-tensor.ts'
import { GraphInputError } from './errors.ts'
import type { ElementArray, Graph, Value } from './graph.ts'

export type SessionArray = Float32Array | Int32Array | Uint8Array

/** Numbers that lie with a runtime, as on a graphics card. */
export interface DeviceArray {
  read(): Promise<SessionArray>
  dispose(): void
}

export type SessionValue = SessionArray | DeviceArray

/** Runs one graph. */
export interface GraphSession {
  /** Whether inputs may lie with a runtime; else they are read before. */
  readonly takesDeviceArrays?: boolean
  /** Inputs and outputs by name, as the graph has them. Inputs are lent, results are the caller's and outlive the session. */
  run(inputs: ReadonlyMap<string, SessionValue>): Promise<ReadonlyMap<string, SessionValue>>
  dispose(): Promise<void>
}

export interface OpenOptions {
  /** Outputs, by the graph's names, that stay on the device of a runtime that has one. */
  readonly hold?: readonly string[]
}

/** Makes sessions. */
export interface GraphRuntime {
  readonly name: string
  /** One line for people. */
  readonly description: string
  open(graph: Graph, options?: OpenOptions): Promise<GraphSession>
  /**
   * Fulfilled, where the runtime can tell, when its device is taken away, has no memory or refuses a program, which no call
   * throws: what was computed since may be wrong.
   */
  readonly faulty?: Promise<Error>
}

/** A traced function: tensors in, tensors out. */
export interface CompiledFunction {
  readonly graph: Graph
  /**
   * Inputs are lent, results are yours: on the current backend, or where the graph leaves them, see `hold` of `compile`.
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
      const feeds = new Map<string, SessionValue>()
      for (const value of graph.inputs) {
        const given = numbers?.get(value.name) as SessionArray | undefined
        feeds.set(value.name, given ?? (await read(value, inputs[value.name], session)))
      }
      const results = await session.run(feeds)
      return Object.fromEntries(
        graph.outputs.map(({ name, shape, type }, i) => {
          const tensor = tensorOf(results.get(name) as SessionValue, shape, type as tf.DataType)
          return [graph.outputNames[i] as string, tensor]
        }),
      )
    },
    dispose: () => session.dispose(),
  }
}

function tensorOf(value: SessionValue, shape: readonly number[], dtype: tf.DataType): tf.Tensor {
  return 'read' in value ? deviceTensor(value, shape, dtype) : tf.tensor(value, [...shape], dtype)
}

async function read(
  value: Value,
  tensor: tf.Tensor | undefined,
  { takesDeviceArrays }: GraphSession,
): Promise<SessionValue> {
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
  const onDevice = takesDeviceArrays ? deviceArrayOf(tensor) : undefined
  return onDevice ?? ((await tensor.data()) as SessionArray)
}
