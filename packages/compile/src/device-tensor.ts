/**
 * Tensors whose numbers lie with the runtime: what a graph leaves on a graphics card, until they are asked for. To
 * TensorFlow.js it is a backend beside the running one.
 */
import * as tf from '@tensorflow/tfjs-core'
import { DeviceTensorError } from './errors.ts'
import type { DeviceArray, SessionArray } from './session.ts'

interface Held {
  readonly array: DeviceArray
  references: number
  values: SessionArray | undefined
}

class DeviceBackend extends tf.KernelBackend {
  readonly #held = new Map<object, Held>()

  hold(array: DeviceArray): object {
    const dataId = {}
    this.#held.set(dataId, { array, references: 1, values: undefined })
    return dataId
  }

  holds(dataId: object): boolean {
    return this.#held.has(dataId)
  }

  array(dataId: object): DeviceArray | undefined {
    return this.#held.get(dataId)?.array
  }

  override async read(dataId: object): Promise<tf.BackendValues> {
    const held = this.#held.get(dataId) as Held
    held.values ??= await held.array.read()
    return held.values
  }

  /** For operations on it: the engine moves the numbers to the running backend. */
  override readSync(dataId: object): tf.BackendValues {
    const values = this.#held.get(dataId)?.values
    if (!values) throw new DeviceTensorError()
    return values
  }

  override disposeData(dataId: object, force = false): boolean {
    const held = this.#held.get(dataId)
    if (!held) return true
    held.references--
    if (!force && held.references > 0) return false
    this.#held.delete(dataId)
    held.array.dispose()
    return true
  }

  override incRef(dataId: object): void {
    const held = this.#held.get(dataId)
    if (held) held.references++
  }

  override refCount(dataId: object): number {
    return this.#held.get(dataId)?.references ?? 0
  }

  override numDataIds(): number {
    return this.#held.size
  }

  override floatPrecision(): 16 | 32 {
    return 32
  }

  override epsilon(): number {
    return 1e-7
  }

  override memory() {
    return { unreliable: true }
  }

  override dispose(): void {
    for (const dataId of [...this.#held.keys()]) this.disposeData(dataId, true)
  }
}

const device = new DeviceBackend()

/** A tensor of these numbers, which it owns. It can be read, cloned, reshaped, disposed, and given to a graph. */
export function deviceTensor(array: DeviceArray, shape: readonly number[], dtype: tf.DataType): tf.Tensor {
  countSharing(tf.getBackend())
  const info = { dataId: device.hold(array), shape: [...shape], dtype }
  return tf.engine().makeTensorFromTensorInfo(info, device)
}

/** The numbers of a tensor where they lie with a runtime. */
export const deviceArrayOf = (tensor: tf.Tensor): DeviceArray | undefined =>
  device.array(tensor.dataId as object)

/** Kernels that answer with the numbers of their input in place. Each backend counts how many tensors share its own. */
const sharing = ['Identity', 'Reshape', 'Cast'] as const
const counted = new Set<string>()

/** Has these kernels of a backend count tensors that share numbers on the device. */
function countSharing(backendName: string): void {
  if (counted.has(backendName)) return
  counted.add(backendName)
  for (const kernelName of sharing) {
    const kernel = tf.getKernel(kernelName, backendName)
    if (!kernel) continue
    tf.unregisterKernel(kernelName, backendName)
    tf.registerKernel({
      ...kernel,
      kernelFunc: (params) => {
        const x = params.inputs.x as tf.TensorInfo
        const shape = device.holds(x.dataId) ? sharedShape(kernelName, x, params.attrs ?? {}) : undefined
        if (!shape) return kernel.kernelFunc(params)
        device.incRef(x.dataId)
        return { ...x, shape }
      },
    })
  }
}

/** The shape of a result that has the input's numbers as they are. */
function sharedShape(
  kernel: (typeof sharing)[number],
  { shape, dtype }: tf.TensorInfo,
  attrs: tf.NamedAttrMap,
): number[] | undefined {
  switch (kernel) {
    case 'Identity':
      return shape
    case 'Reshape':
      return tf.util.inferFromImplicitShape(attrs.shape as number[], tf.util.sizeFromShape(shape))
    case 'Cast':
      return attrs.dtype === dtype ? shape : undefined
  }
}
