/** Tensors whose numbers lie in a file, or anywhere else, until something computes with them. */
import * as tf from '@tensorflow/tfjs-core'
import type { ElementArray, SourceArray } from './graph.ts'
import { HoldingBackend } from './holding-backend.ts'
import { permute } from './permute.ts'

/** What a tensor's numbers are: an array whose axes come in the given order; axes of length 1 do not matter. */
export interface StoredArray {
  readonly array: SourceArray
  /** Of the array. */
  readonly shape: readonly number[]
  /** Axis i of the tensor is axis `order[i]` of the array. */
  readonly order: readonly number[]
}

/** The numbers as the tensor has them. */
export function readStored({ array, shape, order }: StoredArray): ElementArray {
  const long = order.filter((axis) => shape[axis] !== 1)
  const lies = long.every((axis, i) => i === 0 || axis > (long[i - 1] as number))
  return lies ? array.read() : permute(array.read(), shape, order)
}

const backendName = 'guided-diffusion-stored'

/** TensorFlow.js moves a tensor from it to the backend that computes. */
class StoringBackend extends HoldingBackend<StoredArray> {
  override readSync(dataId: object): tf.BackendValues {
    return readStored(this.held(dataId) as StoredArray) as Float32Array
  }

  override async read(dataId: object): Promise<tf.BackendValues> {
    return this.readSync(dataId)
  }
}

const backend = new StoringBackend()
let isRegistered = false

/**
 * A tensor of float32 that is read when something computes with it, and takes no memory until then. Yours to dispose.
 *
 * @param shape of the tensor: that of the array in the given order, with or without axes of length 1.
 */
export function storedTensor(stored: StoredArray, shape: readonly number[]): tf.Tensor {
  if (!isRegistered) tf.registerBackend(backendName, () => backend, 0)
  isRegistered = true
  const info = { dataId: backend.hold(stored), shape: [...shape], dtype: 'float32' as const }
  return tf.engine().makeTensorFromTensorInfo(info, backend)
}

/** What a tensor's numbers are, if they are not on a backend that computes. */
export function storedArray(dataId: object): StoredArray | undefined {
  return backend.held(dataId)
}
