/**
 * Attention for WebGPU, forward and gradient, without the T × T weights in memory:
 *
 *   y = softmax(s) v,   s = q kᵀ / √d   for each head of width d
 *
 * Each thread owns one row and goes over the others, of which a workgroup holds a few at a time in its own memory. The
 * maximum and the sum of a row are kept as they grow.
 *
 * @see Milakov & Gimelshein 2018, algorithm 3, https://arxiv.org/abs/1805.02867
 */
import type * as tf from '@tensorflow/tfjs-core'
import { type AttentionProgram, attentionCode, inFours, threads } from './attention.wgsl.ts'
import { addWebGpuKernel, precisionOf, runProgram, type WebGpuBackend } from './webgpu-backend.ts'

interface Attributes {
  readonly heads: number
  /** Channels as head × (q, k, v) × width, or as (q, k, v) × head × width. */
  readonly order: 'legacy' | 'new'
}

/** Registers `GuidedAttention` and `GuidedAttentionGrad`. */
export function registerAttention(): void {
  addWebGpuKernel('GuidedAttention', ({ inputs, attrs, backend }) => {
    const { qkv } = inputs as { qkv: tf.TensorInfo }
    const [batch, length, tripled] = qkv.shape as [number, number, number]
    return run(backend, 'forward', { qkv }, attrs, { shape: [batch, length, tripled / 3] })
  })
  addWebGpuKernel('GuidedAttentionGrad', ({ inputs, attrs, backend }) => {
    const { dy, qkv } = inputs as Record<'dy' | 'qkv', tf.TensorInfo>
    const [batch, length] = qkv.shape as [number, number]
    const { heads } = attrs as unknown as Attributes
    const rows = run(backend, 'rows', { qkv, dy }, attrs, { shape: [batch, heads, length, 2] })
    const dqkv = backend.makeTensorInfo([...qkv.shape], 'float32')
    for (const name of ['queries', 'keys'] as const)
      run(backend, name, { qkv, dy, rows }, attrs, { shape: qkv.shape, output: dqkv })
    backend.disposeData(rows.dataId)
    return dqkv
  })
}

function run(
  backend: WebGpuBackend,
  name: AttentionProgram,
  inputs: { readonly qkv: tf.TensorInfo } & Record<string, tf.TensorInfo>,
  attrs: unknown,
  out: { readonly shape: readonly number[]; readonly output?: tf.TensorInfo },
): tf.TensorInfo {
  const { heads, order } = attrs as Attributes
  const [batch, length, tripled] = inputs.qkv.shape as [number, number, number]
  const width = tripled / 3 / heads
  // float16 has neither digits nor range for gradients
  const precision = name === 'forward' ? precisionOf(backend) : 'float32'
  return runProgram(backend, {
    key: `attention ${name}, ${order}, width ${width}, ${precision}`,
    inputs,
    fours: inFours({ width }) ? ['qkv', 'dy', ...(name === 'rows' ? [] : ['result'])] : [],
    ...out,
    workgroups: batch * heads * Math.ceil(length / threads),
    threads,
    integers: { heads },
    code: attentionCode(name, { width, order, precision }),
  })
}
