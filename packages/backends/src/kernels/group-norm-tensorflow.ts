/**
 * GroupNorm with SiLU as one native operation, forward and gradient, where the library that tfjs-node runs on
 * holds them (`tooling/tensorflow/ops/group-norm.cc`).
 */
import * as tf from '@tensorflow/tfjs-core'
import { addNativeKernels, type NativeAttribute, type NativeBackend } from './tensorflow-backend.ts'

interface Attributes {
  readonly groups: number
  readonly epsilon: number
  readonly activation: 'silu' | 'linear'
}

/** Registers `GuidedGroupNorm` and `GuidedGroupNormGrad`; false where the native library has no such operations. */
export function registerGroupNorm(): boolean {
  return addNativeKernels(
    {
      GuidedGroupNorm: ({ inputs, attrs, backend }) => {
        const { x, scale, shift } = inputs as Record<'x' | 'scale' | 'shift', tf.TensorInfo>
        return backend.executeSingleOutput('GuidedGroupNorm', attributes(backend, attrs), [x, scale, shift])
      },
      GuidedGroupNormGrad: ({ inputs, attrs, backend }) => {
        const { dy, x, scale, shift } = inputs as Record<'dy' | 'x' | 'scale' | 'shift', tf.TensorInfo>
        const settings = attributes(backend, attrs)
        return backend.executeMultipleOutputs('GuidedGroupNormGrad', settings, [dy, x, scale, shift], 3)
      },
    },
    (backend) => {
      const settings = attributes(backend, { groups: 1, epsilon: 1e-5, activation: 'silu' })
      const row = tf.ones([1, 1])
      backend.executeSingleOutput('GuidedGroupNorm', settings, [tf.ones([1, 1, 1, 1]), row, row])
    },
  )
}

function attributes({ binding }: NativeBackend, attrs: unknown): NativeAttribute[] {
  const { groups, epsilon, activation } = attrs as Attributes
  return [
    { name: 'groups', type: binding.TF_ATTR_INT, value: groups },
    { name: 'epsilon', type: binding.TF_ATTR_FLOAT, value: epsilon },
    { name: 'silu', type: binding.TF_ATTR_BOOL, value: activation === 'silu' },
  ]
}
