/**
 * Attention as one native operation, forward and gradient, where the library that tfjs-node runs on holds them
 * (`tooling/tensorflow/ops/attention.cc`). It reads queries, keys and values in place and keeps no weights.
 */
import * as tf from '@tensorflow/tfjs-core'
import { addNativeKernels, type NativeAttribute, type NativeBackend } from './tensorflow-backend.ts'

interface Attributes {
  readonly heads: number
  /** Channels as head × (q, k, v) × width, or as (q, k, v) × head × width. */
  readonly order: 'legacy' | 'new'
}

/** Registers `GuidedAttention` and `GuidedAttentionGrad`; false where the native library has no such operations. */
export function registerAttention(): boolean {
  return addNativeKernels(
    {
      GuidedAttention: ({ inputs, attrs, backend }) => {
        const { qkv } = inputs as { qkv: tf.TensorInfo }
        return backend.executeSingleOutput('GuidedAttention', attributes(backend, attrs), [qkv])
      },
      GuidedAttentionGrad: ({ inputs, attrs, backend }) => {
        const { dy, qkv } = inputs as { dy: tf.TensorInfo; qkv: tf.TensorInfo }
        return backend.executeSingleOutput('GuidedAttentionGrad', attributes(backend, attrs), [dy, qkv])
      },
    },
    (backend) => {
      const settings = attributes(backend, { heads: 1, order: 'new' })
      backend.executeSingleOutput('GuidedAttention', settings, [tf.ones([1, 1, 3])])
    },
  )
}

function attributes({ binding }: NativeBackend, attrs: unknown): NativeAttribute[] {
  const { heads, order } = attrs as Attributes
  return [
    { name: 'heads', type: binding.TF_ATTR_INT, value: heads },
    { name: 'legacy', type: binding.TF_ATTR_BOOL, value: order === 'legacy' },
  ]
}
