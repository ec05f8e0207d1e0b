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
import { type AttentionProgram, attentionCode, type Heads, inFours, requireFit } from './attention.wgsl.ts'
import { rowsOfGroup, type Team, teamFor } from './attention-team.ts'
import {
  addWebGpuKernel,
  type Precision,
  precisionOf,
  runProgram,
  type WebGpuBackend,
} from './webgpu-backend.ts'

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

/**
 * Attention by the team that fits best, or by another.
 *
 * @throws HeadWidthError
 */
export function attention(
  backend: WebGpuBackend,
  { qkv }: { readonly qkv: tf.TensorInfo },
  attributes: Attributes,
  team?: Team,
): tf.TensorInfo {
  const [batch, length, tripled] = qkv.shape as [number, number, number]
  const heads = headsOf(qkv, attributes, precisionOf(backend), team)
  requireFit(['forward'], heads)
  return run(backend, 'forward', { qkv }, heads, {
    count: attributes.heads,
    shape: [batch, length, tripled / 3],
  })
}

/** Its gradient, likewise. */
export function attentionGradient(
  backend: WebGpuBackend,
  { dy, qkv }: Readonly<Record<'dy' | 'qkv', tf.TensorInfo>>,
  attributes: Attributes,
  team?: Team,
): tf.TensorInfo {
  const [batch, length] = qkv.shape as [number, number]
  const count = attributes.heads
  // float16 has neither digits nor range for gradients
  const heads = headsOf(qkv, attributes, 'float32', team)
  requireFit(['rows', 'queries', 'keys'], heads)
  const rows = run(backend, 'rows', { qkv, dy }, heads, { count, shape: [batch, count, length, 2] })
  const dqkv = backend.makeTensorInfo([...qkv.shape], 'float32')
  for (const name of ['queries', 'keys'] as const)
    run(backend, name, { qkv, dy, rows }, heads, { count, shape: qkv.shape, output: dqkv })
  backend.disposeData(rows.dataId)
  return dqkv
}

function headsOf(
  { shape }: tf.TensorInfo,
  { heads, order }: Attributes,
  precision: Precision,
  team?: Team,
): Heads {
  const width = (shape[2] as number) / 3 / heads
  return { width, order, precision, team: team ?? teamFor(width) }
}

function run(
  backend: WebGpuBackend,
  name: AttentionProgram,
  inputs: { readonly qkv: tf.TensorInfo } & Record<string, tf.TensorInfo>,
  heads: Heads,
  out: { readonly count: number; readonly shape: readonly number[]; readonly output?: tf.TensorInfo },
): tf.TensorInfo {
  const { count, ...result } = out
  const [batch, length] = inputs.qkv.shape as [number, number]
  return runProgram(backend, {
    key: `attention ${name} ${JSON.stringify(heads)}`,
    inputs,
    fours: inFours(heads) ? ['qkv', 'dy', ...(name === 'rows' ? [] : ['result'])] : [],
    ...result,
    workgroups: batch * count * Math.ceil(length / rowsOfGroup(heads.team)),
    threads: heads.team.threads,
    integers: { heads: count },
    code: () => attentionCode(name, heads),
  })
}
