/**
 * Attention for WebAssembly, forward and gradient, a block of weights at a time:
 *
 *   w = softmax(q kᵀ / √d),   y = w v   for each head of width d
 *   dw = dy vᵀ,   ds = w (dw − Σ w dw),   dq = ds k / √d,   dk = dsᵀ q / √d,   dv = wᵀ dy
 *
 * A block has at most 100 queries, and is computed anew in the gradient. What has a number a
 * weight is done by functions of the library, which have SIMD; here the heads are laid out for them as matrices.
 */
import type * as tf from '@tensorflow/tfjs-core'
import { addWasmKernel, values } from './wasm-backend.ts'
import {
  addTo,
  dotRows,
  multiplyBy,
  multiplyEach,
  softmaxRows,
  subtractRows,
  turnEach,
  turnInto,
} from './wasm-matrices.ts'
import { inScope, type Matrices, type Stack, type WasmScope } from './wasm-scope.ts'

interface Attributes {
  readonly heads: number
  /** Channels as head × (q, k, v) × width, or as (q, k, v) × head × width. */
  readonly order: 'legacy' | 'new'
}

/** Weights in a block of several heads: fewer, and calls take longer than what they do. */
const blockSize = 32_768

/** Most queries in a block: from 128 on the library needs many times as long to turn the weights of one. */
const mostQueries = 100

/** Registers `GuidedAttention` and `GuidedAttentionGrad`. */
export function registerAttention(): void {
  addWasmKernel('GuidedAttention', ({ inputs, attrs, backend }) => {
    const { qkv } = inputs as { qkv: tf.TensorInfo }
    const sizes = sizesOf(qkv, attrs as unknown as Attributes)
    return inScope(backend, (scope) => {
      const heads = scaled(scope, headsFirst(scope, qkv, sizes), sizes)
      const y = scope.make([sizes.batch, sizes.heads, sizes.length, sizes.width])
      forEachGroup(sizes, (group) => inScope(backend, (own) => attend(own, { qkv: heads, y }, group)))
      return headsLast(scope, y, sizes)
    })
  })
  addWasmKernel('GuidedAttentionGrad', ({ inputs, attrs, backend }) => {
    const { dy, qkv } = inputs as Record<'dy' | 'qkv', tf.TensorInfo>
    const sizes = sizesOf(qkv, attrs as unknown as Attributes)
    return inScope(backend, (scope) => {
      const heads = {
        qkv: scaled(scope, headsFirst(scope, qkv, sizes), sizes),
        dy: headsFirst(scope, dy, sizes),
      }
      const dqkv = scope.make([...heads.qkv.shape])
      forEachGroup(sizes, (group) => inScope(backend, (own) => differentiate(own, { ...heads, dqkv }, group)))
      return headsLast(scope, scaled(scope, dqkv, sizes), sizes)
    })
  })
}

interface Sizes extends Attributes {
  readonly batch: number
  readonly length: number
  readonly width: number
}

function sizesOf(qkv: tf.TensorInfo, { heads, order }: Attributes): Sizes {
  const [batch, length, tripled] = qkv.shape as [number, number, number]
  return { batch, length, width: tripled / 3 / heads, heads, order }
}

/** `[B, T, n · width]` → `[B, n, T, width]`: each head's queries, keys and values become matrices. */
function headsFirst(scope: WasmScope, x: tf.TensorInfo, { batch, length, width }: Sizes): tf.TensorInfo {
  const slots = (x.shape[2] as number) / width
  const parted = { ...x, shape: [batch, length, slots, width] }
  return {
    ...scope.run('Transpose', { x: parted }, { perm: [0, 2, 1, 3] }),
    shape: [batch, slots, length, width],
  }
}

/** `[B, n, T, width]` → `[B, T, n · width]`. */
function headsLast(scope: WasmScope, x: tf.TensorInfo, { batch, length, width }: Sizes): tf.TensorInfo {
  const turned = scope.run('Transpose', { x }, { perm: [0, 2, 1, 3] })
  return { ...turned, shape: [batch, length, (x.shape[1] as number) * width] }
}

/** Queries, or their gradient, divided by √d: `[B, n, T, width]`. */
function scaled(scope: WasmScope, x: tf.TensorInfo, sizes: Sizes): tf.TensorInfo {
  const { batch, length, heads, width } = sizes
  const factors = scope.make([1, 3 * heads, 1])
  const numbers = values(scope.backend, factors).fill(1)
  for (let head = 0; head < heads; head++) numbers[slot(sizes, head, 0)] = 1 / Math.sqrt(width)
  const a = { ...x, shape: [batch, 3 * heads, length * width] }
  return { ...scope.run('Multiply', { a, b: factors }), shape: x.shape }
}

/** Place of a head's queries, keys or values (0, 1, 2). */
const slot = ({ heads, order }: Sizes, head: number, which: 0 | 1 | 2) =>
  order === 'legacy' ? 3 * head + which : which * heads + head

/** Heads that are computed together, numbered sample × head. */
interface Group extends Sizes {
  readonly first: number
  readonly count: number
}

/** One head at a time, or as many small ones as fit into a block. */
function forEachGroup(sizes: Sizes, use: (group: Group) => void): void {
  const pairs = sizes.batch * sizes.heads
  const most = sizes.length > mostQueries ? 1 : Math.max(1, Math.floor(blockSize / sizes.length ** 2))
  for (let first = 0; first < pairs; first += most) {
    use({ ...sizes, first, count: Math.min(most, pairs - first) })
  }
}

/** Positions of a sequence. */
interface Range {
  readonly start: number
  readonly rows: number
}

/** Ranges of equal length, but for the last; a multiple of four, as the library multiplies four rows at a time. */
function forEachBlock({ length }: Sizes, use: (block: Range) => void): void {
  const blocks = Math.ceil(length / mostQueries)
  const most = blocks === 1 ? length : 4 * Math.ceil(length / blocks / 4)
  for (let start = 0; start < length; start += most) use({ start, rows: Math.min(most, length - start) })
}

/** y of a group's heads. */
function attend(group: WasmScope, { qkv, y }: Record<'qkv' | 'y', tf.TensorInfo>, heads: Group): void {
  const all = { start: 0, rows: heads.length }
  const kT = turnEach(group, part(group, qkv, heads, all, 1))
  const v = part(group, qkv, heads, all, 2)
  const area = group.make([areaSize(heads)])
  forEachBlock(heads, (queries) => {
    inScope(group.backend, (block) => {
      const w = block.matricesOf({ ...area, shape: [heads.count, queries.rows, heads.length] })
      weigh(block, part(block, qkv, heads, queries, 0), kT, w)
      multiplyEach(block, w, v, part(block, y, heads, queries))
    })
  })
}

/** dq · √d, dk and dv of a group's heads. */
function differentiate(
  group: WasmScope,
  { dy, qkv, dqkv }: Record<'dy' | 'qkv' | 'dqkv', tf.TensorInfo>,
  heads: Group,
): void {
  const { count, length, width } = heads
  const all = { start: 0, rows: length }
  const k = part(group, qkv, heads, all, 1)
  const kT = turnEach(group, k)
  const vT = turnEach(group, part(group, qkv, heads, all, 2))
  const [dk, dv] = [part(group, dqkv, heads, all, 1), part(group, dqkv, heads, all, 2)]
  const [wArea, dsArea, turnedArea] = [0, 1, 2].map(() => group.make([areaSize(heads)])) as Areas
  const share = group.make([count, length, width])
  forEachBlock(heads, (queries) => {
    inScope(group.backend, (block) => {
      const shape = [count, queries.rows, length]
      const w = block.matricesOf({ ...wArea, shape })
      const ds = block.matricesOf({ ...dsArea, shape })
      const turned = block.matricesOf({ ...turnedArea, shape: [count, length, queries.rows] })
      const shares = block.matricesOf(share)
      const q = part(block, qkv, heads, queries, 0)
      const cotangents = part(block, dy, heads, queries)
      weigh(block, q, kT, w)
      multiplyEach(block, cotangents, vT, ds)
      // ds = w (dw − Σ w dw), in place of dw
      subtractRows(block, ds, dotRows(block, w, ds))
      multiplyBy(block, ds, w)
      multiplyEach(block, ds, k, part(block, dqkv, heads, queries, 0))
      const addShare = (weights: Matrices, right: Matrices, sum: Matrices) => {
        turnInto(block, weights, turned)
        multiplyEach(block, turned, right, queries.start === 0 ? sum : shares)
        if (queries.start > 0) addTo(block, sum, shares)
      }
      addShare(ds, q, dk)
      addShare(w, cotangents, dv)
    })
  })
}

type Areas = [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo]

/** Numbers of a block. */
const areaSize = ({ count, length }: Group) => count * Math.min(length, mostQueries) * length

/** softmax(q kᵀ). */
function weigh(scope: WasmScope, q: Matrices, kT: Matrices, w: Stack): void {
  multiplyEach(scope, q, kT, w)
  softmaxRows(scope, w)
}

/** A range of each head's queries, keys or values (0, 1, 2), or of what there is once a head. */
function part(
  scope: WasmScope,
  tensor: tf.TensorInfo,
  group: Group,
  { start, rows }: Range,
  which?: 0 | 1 | 2,
): Matrices {
  const { heads, length, width, first, count } = group
  const slots = tensor.shape[1] as number
  const starts = Array.from({ length: count }, (_, i) => {
    const [sample, head] = [Math.floor((first + i) / heads), (first + i) % heads]
    const place = sample * slots + (which === undefined ? head : slot(group, head, which))
    return (place * length + start) * width
  })
  return scope.matrices(tensor, starts, rows, width)
}
