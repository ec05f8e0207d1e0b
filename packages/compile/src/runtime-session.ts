/** What ONNX Runtime's packages for Node and for browsers have in common, as this package uses it. */
import type { ElementType, Graph } from './graph.ts'
import type { GraphSession, SessionArray } from './session.ts'

/** A tensor of the runtime. */
interface RuntimeTensor {
  readonly data: unknown
}

/** `Tensor` of the library. */
type TensorClass<T> = new (type: 'float32', data: Float32Array, shape: readonly number[]) => T

interface RuntimeSession<T> {
  run(feeds: Readonly<Record<string, T>>): Promise<Readonly<Record<string, RuntimeTensor>>>
  release(): Promise<void>
}

/** A session of the runtime that runs a graph. */
export function runtimeSession<T>(
  Tensor: TensorClass<T>,
  session: RuntimeSession<T>,
  { inputs, outputs }: Graph,
): GraphSession {
  return {
    run: async (arrays) => {
      const feeds = inputs.map(({ name, type, shape }) => {
        const array = arrays.get(name) as Float32Array
        return [name, new Tensor(tensorType(type), array, [...shape])] as const
      })
      const results = await session.run(Object.fromEntries(feeds))
      return new Map(outputs.map(({ name }) => [name, results[name]?.data as SessionArray]))
    },
    dispose: () => session.release(),
  }
}

/** The library has the same names; its types join each with an array of its own, and here they come as variables. */
const tensorType = (type: ElementType) => type as 'float32'

/** Outputs that one program of WebGPU can have: ten buffers in all, of which two are not outputs. */
export const outputsOnWebGpu = 8
