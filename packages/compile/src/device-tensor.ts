/**
 * Tensors whose numbers lie with the runtime: what a graph leaves on a graphics card, until they are asked for. To
 * TensorFlow.js it is a backend beside the running one.
 */
import * as tf from '@tensorflow/tfjs-core'
import { DeviceTensorError } from './errors.ts'
import { HoldingBackend } from './holding-backend.ts'
import type { DeviceArray, SessionArray } from './session.ts'

/** Numbers on the device, and those that were read. */
interface OnDevice {
  readonly array: DeviceArray
  values: SessionArray | undefined
}

class DeviceBackend extends HoldingBackend<OnDevice> {
  override async read(dataId: object): Promise<tf.BackendValues> {
    const entry = this.held(dataId) as OnDevice
    entry.values ??= await entry.array.read()
    return entry.values
  }

  /** For operations on it: the engine moves the numbers to the running backend. */
  override readSync(dataId: object): tf.BackendValues {
    const values = this.held(dataId)?.values
    if (!values) throw new DeviceTensorError()
    return values
  }

  protected override released({ array }: OnDevice): void {
    array.dispose()
  }
}

const device = new DeviceBackend()

/** A tensor of these numbers, which it owns. It can be read, cloned, reshaped, disposed, and given to a graph. */
export function deviceTensor(array: DeviceArray, shape: readonly number[], dtype: tf.DataType): tf.Tensor {
  countSharing(tf.getBackend())
  const info = { dataId: device.hold({ array, values: undefined }), shape: [...shape], dtype }
  return tf.engine().makeTensorFromTensorInfo(info, device)
}

/** The numbers of a tensor where they lie with a runtime. */
export const deviceArrayOf = (tensor: tf.Tensor): DeviceArray | undefined =>
  device.held(tensor.dataId as object)?.array

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
        const shape = device.held(x.dataId) ? sharedShape(kernelName, x, params.attrs ?? {}) : undefined
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
