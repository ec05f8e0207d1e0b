/**
 * GroupNorm with SiLU as one native operation, forward and gradient, where the library that tfjs-node runs on
 * holds them (`tooling/tensorflow/ops/group-norm.cc`).
 */
import * as tf from '@tensorflow/tfjs-core'

interface NativeBackend {
  readonly binding: Record<'TF_ATTR_INT' | 'TF_ATTR_FLOAT' | 'TF_ATTR_BOOL', number>
  executeSingleOutput(name: string, attributes: NativeAttribute[], inputs: tf.TensorInfo[]): tf.Tensor
  executeMultipleOutputs(
    name: string,
    attributes: NativeAttribute[],
    inputs: tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[]
}

interface NativeAttribute {
  readonly name: string
  readonly type: number
  readonly value: number | boolean
}

interface GroupNormAttributes {
  readonly groups: number
  readonly epsilon: number
  readonly activation: 'silu' | 'linear'
}

/** Registers `GuidedGroupNorm` and `GuidedGroupNormGrad`; false where the native library has no such operations. */
export function registerGroupNorm(): boolean {
  if (tf.getKernel('GuidedGroupNorm', 'tensorflow')) return true
  if (!isAvailable()) return false
  tf.registerKernel({
    kernelName: 'GuidedGroupNorm',
    backendName: 'tensorflow',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { x, scale, shift } = inputs as Record<'x' | 'scale' | 'shift', tf.TensorInfo>
      const native = backend as NativeBackend
      return native.executeSingleOutput('GuidedGroupNorm', attributes(native, attrs), [x, scale, shift])
    },
  })
  tf.registerKernel({
    kernelName: 'GuidedGroupNormGrad',
    backendName: 'tensorflow',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { dy, x, scale, shift } = inputs as Record<'dy' | 'x' | 'scale' | 'shift', tf.TensorInfo>
      const native = backend as NativeBackend
      return native.executeMultipleOutputs(
        'GuidedGroupNormGrad',
        attributes(native, attrs),
        [dy, x, scale, shift],
        3,
      )
    },
  })
  return true
}

/** The operation on one pixel: an unknown name is refused by the library. */
function isAvailable(): boolean {
  return tf.tidy(() => {
    const native = tf.backend() as unknown as NativeBackend
    const settings = attributes(native, { groups: 1, epsilon: 1e-5, activation: 'silu' })
    try {
      const row = tf.ones([1, 1])
      native.executeSingleOutput('GuidedGroupNorm', settings, [tf.ones([1, 1, 1, 1]), row, row])
      return true
    } catch {
      return false
    }
  })
}

function attributes(native: NativeBackend, attrs: unknown): NativeAttribute[] {
  const { groups, epsilon, activation } = attrs as GroupNormAttributes
  const { TF_ATTR_INT, TF_ATTR_FLOAT, TF_ATTR_BOOL } = native.binding
  return [
    { name: 'groups', type: TF_ATTR_INT, value: groups },
    { name: 'epsilon', type: TF_ATTR_FLOAT, value: epsilon },
    { name: 'silu', type: TF_ATTR_BOOL, value: activation === 'silu' },
  ]
}
