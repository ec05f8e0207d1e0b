/**
 * What our kernels for native TensorFlow use of the stock backend: operations of the library that it runs on, by name.
 */
import * as tf from '@tensorflow/tfjs-core'

/** The backend of `@tensorflow/tfjs-node`. */
export interface NativeBackend {
  readonly binding: Record<
    'TF_ATTR_INT' | 'TF_ATTR_FLOAT' | 'TF_ATTR_BOOL' | 'TF_ATTR_TYPE' | 'TF_FLOAT',
    number
  >
  executeSingleOutput(name: string, attributes: NativeAttribute[], inputs: tf.TensorInfo[]): tf.Tensor
  executeMultipleOutputs(
    name: string,
    attributes: NativeAttribute[],
    inputs: tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[]
}

export interface NativeAttribute {
  readonly name: string
  readonly type: number
  readonly value: number | boolean
}

/** A kernel of ours; its inputs and attributes are those that are documented for the name. */
export type NativeKernel = (call: {
  readonly inputs: Record<string, tf.TensorInfo>
  readonly attrs: Record<string, unknown>
  readonly backend: NativeBackend
}) => tf.TensorInfo | tf.TensorInfo[]

/** Registers kernels, unless they are; false where `probe`, which runs one, is refused: the library lacks them. */
export function addNativeKernels(
  kernels: Readonly<Record<string, NativeKernel>>,
  probe: (backend: NativeBackend) => void,
): boolean {
  const names = Object.keys(kernels)
  if (names.every((name) => tf.getKernel(name, 'tensorflow'))) return true
  if (!runs(probe)) return false
  for (const kernelName of names) {
    const kernelFunc = kernels[kernelName] as unknown as tf.KernelFunc
    tf.registerKernel({ kernelName, backendName: 'tensorflow', kernelFunc })
  }
  return true
}

function runs(probe: (backend: NativeBackend) => void): boolean {
  return tf.tidy(() => {
    try {
      probe(tf.backend() as unknown as NativeBackend)
      return true
    } catch {
      return false
    }
  })
}
