/**
 * Attention for WebAssembly, forward and gradient, a block of weights at a time:
 *
 *   w = softmax(q kᵀ / √d),   y = w v   for each head of width d
 *   dw = dy vᵀ,   ds = w (dw − Σ w dw),   dq = ds k / √d,   dk = dsᵀ q / √d,   dv = wᵀ dy
 *
 * A block is small enough for the processor's second cache, and is computed anew in the gradient. What has a number a
 * weight is done by functions of the library, which have SIMD; here the heads are laid out for them as matrices.
 */
import type * as tf from '@tensorflow/tfjs-core'
import { multiply } from './matmul-wasm.ts'
import { addWasmKernel, nativeFunction, shapeBytes, values } from './wasm-backend.ts'
import { inScope, type Matrices, type WasmScope } from './wasm-scope.ts'

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
  const all = { start: 0, rows: heads.length }
  const k = part(group, qkv, heads, all, 1)
  const kT = turnEach(group, k)
  const vT = turnEach(group, part(group, qkv, heads, all, 2))
  const [dk, dv] = [part(group, dqkv, heads, all, 1), part(group, dqkv, heads, all, 2)]
  const areas = [0, 1, 2].map(() => group.make([areaSize(heads)]))
  const sums = group.make([areaSize(heads) / heads.length])
  const share = group.make([heads.count, heads.length, heads.width])
  forEachBlock(heads, (queries) => {
    inScope(group.backend, (block) => {
      const shape = [heads.count, queries.rows, heads.length]
      const turnedShape = [heads.count, heads.length, queries.rows]
      const [w, ds] = areas.map((area) => block.matricesOf({ ...area, shape })) as [Matrices, Matrices]
      const turned = block.matricesOf({ ...(areas[2] as tf.TensorInfo), shape: turnedShape })
      const q = part(block, qkv, heads, queries, 0)
      const cotangents = part(block, dy, heads, queries)
      weigh(block, q, kT, w)
      multiplyEach(block, cotangents, vT, ds)
      softmaxGradient(
        block,
        areas as [tf.TensorInfo, tf.TensorInfo],
        sums,
        heads.count * queries.rows,
        heads.length,
      )
      multiplyEach(block, ds, k, part(block, dqkv, heads, queries, 0))
      const first = queries.start === 0
      const shares = block.matricesOf(share)
      for (const [from, right, sum] of [
        [ds, q, dk],
        [w, cotangents, dv],
      ] as const) {
        turnInto(block, from, turned)
        multiplyEach(block, turned, right, first ? sum : shares)
        if (!first)
          for (const [n, id] of sum.ids.entries())
            elementwise(block, 'Add', id, shares.ids[n] as number, [sum.rows, sum.columns])
      }
    })
  })
}

const areaSize = ({ count, length }: Group) => count * Math.min(length, mostQueries) * length

function elementwise(
  { backend }: WasmScope,
  name: string,
  a: number,
  b: number,
  shape: number[],
  shapeB = shape,
) {
  nativeFunction(backend, name, binary)(a, shapeBytes(shape), 2, b, shapeBytes(shapeB), 2, float32, a)
}

/** softmax(q kᵀ), in place */
function weigh(scope: WasmScope, q: Matrices, kT: Matrices, w: Matrices) {
  multiplyEach(scope, q, kT, w)
  const softmax = nativeFunction(scope.backend, 'Softmax', ['number', 'number', 'number', 'number'])
  for (const id of w.ids.slice(0, 1)) softmax(id, id, w.columns, w.rows * w.ids.length)
}

/** ds = w (dw − Σ w dw) in place of dw. */
function softmaxGradient(
  scope: WasmScope,
  [w, dw]: [tf.TensorInfo, tf.TensorInfo],
  sums: tf.TensorInfo,
  rows: number,
  columns: number,
) {
  dotRows(
    values(scope.backend, w),
    values(scope.backend, dw),
    values(scope.backend, sums).subarray(0, rows),
    columns,
  )
  const id = (x: tf.TensorInfo) => scope.backend.dataIdMap.get(x.dataId).id
  elementwise(scope, 'Sub', id(dw), id(sums), [rows, columns], [rows, 1])
  elementwise(scope, 'Multiply', id(dw), id(w), [rows, columns])
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

/** out_i = left_i right_i. */
function multiplyEach({ backend }: WasmScope, left: Matrices, right: Matrices, out: Matrices): void {
  const sizes = { rows: left.rows, k: left.columns, n: right.columns }
  for (const [i, id] of out.ids.entries()) {
    multiply(backend, left.ids[i] as number, right.ids[i] as number, id, sizes)
  }
}

/** Σ a b over each row. Four sums at a time: one alone would wait for each addition. */
function dotRows(a: Float32Array, b: Float32Array, sums: Float32Array, columns: number): void {
  for (let row = 0, at = 0; row < sums.length; row++) {
    let [s, t, u, v] = [0, 0, 0, 0]
    const end = at + columns
    for (; at + 3 < end; at += 4) {
      s += (a[at] as number) * (b[at] as number)
      t += (a[at + 1] as number) * (b[at + 1] as number)
      u += (a[at + 2] as number) * (b[at + 2] as number)
      v += (a[at + 3] as number) * (b[at + 3] as number)
    }
    for (; at < end; at++) s += (a[at] as number) * (b[at] as number)
    sums[row] = s + t + (u + v)
  }
}

/** Each matrix turned. */
function turnEach(scope: WasmScope, matrices: Matrices): Matrices {
  const { ids, rows, columns } = matrices
  const out = scope.matricesOf(scope.make([ids.length, columns, rows]))
  turnInto(scope, matrices, out)
  return out
}

function turnInto(scope: WasmScope, { ids, rows, columns }: Matrices, out: Matrices) {
  const transpose = nativeFunction(scope.backend, 'Transpose', transposition)
  for (const [i, id] of ids.entries()) {
    transpose(id, shapeBytes([rows, columns]), 2, float32, out.ids[i] as number, shapeBytes([1, 0]), 2)
  }
}

const binary = ['number', 'array', 'number', 'number', 'array', 'number', 'number', 'number'] as const
const transposition = ['number', 'array', 'number', 'number', 'number', 'array', 'number'] as const

/** The library's number for the type. */
const float32 = 0
