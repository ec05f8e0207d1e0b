/**
 * `GuidedAttention` and its gradient, the fused operations of `@guided-diffusion/models`, in products that read queries,
 * keys and values as they lie, each head's channels before its pixels:
 *
 *   W = softmax(qᵀ k / √d),   y = v Wᵀ   with q, k, v, y of `[d, T]`
 */
import type { GraphBuilder, Value } from '../graph.ts'
import type { Kernel } from '../recorder.ts'
import type { Operand } from '../recording-backend.ts'
import { arrange, makeView, reshapeValue, reshapeView, type View } from '../view.ts'
import { likeOf } from './elementwise.ts'
import { product } from './matrix.ts'

interface Attributes {
  readonly heads: number
  /** Channels as head × (q, k, v) × width, or as (q, k, v) × head × width. */
  readonly order: 'legacy' | 'new'
}

interface Heads {
  /** q / √d; `[B · heads, d, T]` each: so that the sums of the scores fit into float16 where that computes. */
  readonly q: Value
  readonly k: Value
  readonly v: Value
  /** `[B · heads, T, T]`: a row for each query. */
  readonly weights: Value
  readonly factor: number
}

function weighed(graph: GraphBuilder, qkv: Operand, { heads, order }: Attributes): Heads {
  const [batch, length, tripled] = qkv.shape as [number, number, number]
  const width = tripled / 3 / heads
  const axes = order === 'legacy' ? [heads, 3] : [3, heads]
  const view = reshapeView(graph, qkv.view, [batch, length, ...axes, width])
  const shape = order === 'legacy' ? [batch * heads, 3, width, length] : [batch, 3, heads * width, length]
  const parts = graph.nodes(
    'Split',
    [arrangeTo(graph, view, shape), graph.integers([1, 1, 1])],
    [0, 1, 2].map(() => ({ shape: shape.with(1, 1) })),
    { axis: 1 },
  )
  const each = [batch * heads, width, length]
  const [queries, k, v] = parts.map((part) => reshapeValue(graph, part, each)) as [Value, Value, Value]
  const factor = 1 / Math.sqrt(width)
  const q = likeOf(graph, queries)('Mul', queries, graph.floats(factor))
  const square = [batch * heads, length, length]
  const scores = product(graph, [q, k], square, { transA: 1 })
  return { q, k, v, factor, weights: graph.node('Softmax', [scores], { shape: square }, { axis: 2 }) }
}

/** A view of `[B, T, …channels]` as channels before pixels, in the given shape. */
function arrangeTo(graph: GraphBuilder, view: View, shape: readonly number[]): Value {
  const channels = view.axes.slice(2).map((_, axis) => [axis + 2])
  return reshapeValue(graph, arrange(graph, view, [[0], ...channels, [1]]), shape)
}

/** `[B · heads, …, T]` as a tensor `[B, T, C]`. */
const sequence = (graph: GraphBuilder, value: Value, [batch, length, channels]: readonly number[]): View =>
  makeView(reshapeValue(graph, value, [batch, channels, length] as number[]), [[0], [2], [1]])

const attention: Kernel = (graph, inputs, attrs: Attributes) => {
  const qkv = inputs.qkv as Operand
  const [batch, length, tripled] = qkv.shape as [number, number, number]
  return sequence(graph, mixed(graph, weighed(graph, qkv, attrs)), [batch, length, tripled / 3])
}

/** y, `[B · heads, d, T]`. */
const mixed = (graph: GraphBuilder, { v, weights }: Heads): Value =>
  product(graph, [v, weights], v.shape, { transB: 1 })

/**
 * dv = dy W,   dS = W (dyᵀ v − Σ_d dy y),   dq = k dSᵀ / √d,   dk = q dS / √d: the sum over a row of W dW is that of dy y,
 * which has fewer numbers.
 */
const attentionGradient: Kernel = (graph, inputs, attrs: Attributes) => {
  const qkv = inputs.qkv as Operand
  const [batch, length, tripled] = qkv.shape as [number, number, number]
  const heads = weighed(graph, qkv, attrs)
  const { q, k, v, weights, factor } = heads
  const each = v.shape as [number, number, number]
  const dy = reshapeValue(graph, arrange(graph, (inputs.dy as Operand).view, [[0], [2], [1]]), each)
  const like = likeOf(graph, weights)
  const along = likeOf(graph, v)('Mul', dy, mixed(graph, heads))
  const sums = graph.node(
    'ReduceSum',
    [along, graph.integers([1])],
    { shape: [each[0], length] },
    { keepdims: 0 },
  )
  const rows = reshapeValue(graph, sums, [each[0], length, 1])
  const slopes = like(
    'Mul',
    weights,
    like('Sub', product(graph, [dy, v], weights.shape, { transA: 1 }), rows),
  )
  const parts = [
    product(graph, [k, slopes], each, { transB: 1, alpha: factor }),
    product(graph, [q, slopes], each, {}),
    product(graph, [dy, weights], each, {}),
  ]
  const single = attrs.order === 'legacy' ? [each[0], 1, each[1], length] : [batch, 1, tripled / 3, length]
  const dqkv = graph.node(
    'Concat',
    parts.map((part) => reshapeValue(graph, part, single)),
    { shape: single.with(1, 3) },
    { axis: 1 },
  )
  return sequence(graph, dqkv, [batch, length, tripled])
}

export const attentionKernels: Readonly<Record<string, Kernel>> = {
  GuidedAttention: attention,
  GuidedAttentionGrad: attentionGradient,
}
