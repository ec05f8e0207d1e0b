/** What ONNX Runtime's packages for Node and for browsers have in common, as this package uses it. */
import type { ElementType, Graph, Value } from './graph.ts'
import { type Download, HeldArray, type RuntimeTensor } from './held-array.ts'
import type { GraphSession, SessionArray, SessionValue } from './session.ts'

/** `Tensor` of the library. */
type TensorClass<T> = new (type: 'float32', data: Float32Array, shape: readonly number[]) => T

interface RuntimeSession<T> {
  run(feeds: Readonly<Record<string, T>>): Promise<Readonly<Record<string, T>>>
  release(): Promise<void>
}

/** A session of the runtime that runs a graph. @param download of tensors that the session was told to leave where they are. */
export function runtimeSession<T extends RuntimeTensor>(
  Tensor: TensorClass<T>,
  session: RuntimeSession<T>,
  { inputs, outputs }: Graph,
  download?: Download<T>,
): GraphSession {
  const live = new Set<HeldArray<T>>()
  const feed = async ({ type, shape }: Value, given: SessionValue): Promise<T> => {
    const tensor = given instanceof HeldArray && given.download === download ? (given.tensor as T) : undefined
    if (tensor && String(tensor.dims) === String(shape)) return tensor
    const array = 'read' in given ? await given.read() : given
    return new Tensor(tensorType(type), array as Float32Array, [...shape])
  }
  const result = (value: Value, tensor: T): SessionValue =>
    download && tensor.location !== 'cpu'
      ? new HeldArray(tensor, value, { download, live })
      : (tensor.data as SessionArray)
  return {
    takesDeviceArrays: true,
    run: async (arrays) => {
      const feeds: Record<string, T> = {}
      for (const value of inputs)
        feeds[value.name] = await feed(value, arrays.get(value.name) as SessionValue)
      const results = await session.run(feeds)
      return new Map(outputs.map((value) => [value.name, result(value, results[value.name] as T)]))
    },
    dispose: async () => {
      // what is still in use outlives the session in the processor's memory
      await Promise.all([...live].map((array) => array.leave()))
      await session.release()
    },
  }
}

/** Where the library is to leave the outputs, as its options have it. */
export const heldOutputs = (names: readonly string[]) =>
  names.length === 0
    ? {}
    : { preferredOutputLocation: Object.fromEntries(names.map((name) => [name, 'gpu-buffer' as const])) }

/** The library has the same names; its types join each with an array of its own, and here they come as variables. */
const tensorType = (type: ElementType) => type as 'float32'
