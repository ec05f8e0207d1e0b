/**
 * Attention for WebGPU, forward and gradient, without the T × T weights in memory:
 *
 *   y = softmax(s) v,   s = q kᵀ / √d   for each head of width d
 *
 * Each team of threads owns a few rows and goes over the others, of which a workgroup holds a few at a time in its own
 * memory. The maximum and the sum of a row are kept as they grow.
 *
 * @see Milakov & Gimelshein 2018, algorithm 3, https://arxiv.org/abs/1805.02867
 */
import type * as tf from '@tensorflow/tfjs-core'
import { type AttentionProgram, attentionCode, inFours } from './attention.wgsl.ts'
import { rowsOfGroup, type Team, teamFor } from './attention-team.ts'
import { addWebGpuKernel, precisionOf, runProgram, type WebGpuBackend } from './webgpu-backend.ts'

export interface Attributes {
  readonly heads: number
  /** Channels as head × (q, k, v) × width, or as (q, k, v) × head × width. */
  readonly order: 'legacy' | 'new'
}

/** Registers `GuidedAttention` and `GuidedAttentionGrad`. */
export function registerAttention(): void {
  addWebGpuKernel('GuidedAttention', ({ inputs, attrs, backend }) =>
    attention(backend, inputs as { qkv: tf.TensorInfo }, attrs as unknown as Attributes),
  )
  addWebGpuKernel('GuidedAttentionGrad', ({ inputs, attrs, backend }) =>
    attentionGradient(backend, inputs as Record<'dy' | 'qkv', tf.TensorInfo>, attrs as unknown as Attributes),
  )
}

/** Attention by the team that fits best, or by another. */
export function attention(
  backend: WebGpuBackend,
  { qkv }: { readonly qkv: tf.TensorInfo },
  attributes: Attributes,
  team?: Team,
): tf.TensorInfo {
  const [batch, length, tripled] = qkv.shape as [number, number, number]
  return run(backend, 'forward', { qkv }, { ...attributes, team }, { shape: [batch, length, tripled / 3] })
}

/** Its gradient, likewise. */
export function attentionGradient(
  backend: WebGpuBackend,
  { dy, qkv }: Readonly<Record<'dy' | 'qkv', tf.TensorInfo>>,
  attributes: Attributes,
  team?: Team,
): tf.TensorInfo {
  const [batch, length] = qkv.shape as [number, number]
  const options = { ...attributes, team }
  const rows = run(backend, 'rows', { qkv, dy }, options, { shape: [batch, attributes.heads, length, 2] })
  const dqkv = backend.makeTensorInfo([...qkv.shape], 'float32')
  for (const name of ['queries', 'keys'] as const)
    run(backend, name, { qkv, dy, rows }, options, { shape: qkv.shape, output: dqkv })
  backend.disposeData(rows.dataId)
  return dqkv
}

function run(
  backend: WebGpuBackend,
  name: AttentionProgram,
  inputs: { readonly qkv: tf.TensorInfo } & Record<string, tf.TensorInfo>,
  { heads, order, team: given }: Attributes & { readonly team: Team | undefined },
  out: { readonly shape: readonly number[]; readonly output?: tf.TensorInfo },
): tf.TensorInfo {
  const [batch, length, tripled] = inputs.qkv.shape as [number, number, number]
  const width = tripled / 3 / heads
  const team = given ?? teamFor(width, batch * heads * length)
  // float16 has neither digits nor range for gradients
  const precision = name === 'forward' ? precisionOf(backend) : 'float32'
  return runProgram(backend, {
    key: `attention ${name} ${JSON.stringify({ width, order, precision, team })}`,
    inputs,
    fours: inFours({ width }) ? ['qkv', 'dy', ...(name === 'rows' ? [] : ['result'])] : [],
    ...out,
    workgroups: batch * heads * Math.ceil(length / rowsOfGroup(team)),
    threads: team.threads,
    integers: { heads },
    code: () => attentionCode(name, { width, order, precision, team }),
  })
}
