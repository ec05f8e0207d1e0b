/**
 * `GuidedGroupNorm` and its gradient, the fused operations of `@guided-diffusion/models`, in the operators that ONNX
 * Runtime runs fastest.
 *
 *   x̂ = (x − mean_g) / √(var_g + ε),   u = scale · x̂ + shift,   y = u or u · σ(u)
 */
import type { GraphBuilder, Value } from '../graph.ts'
import type { Kernel } from '../recorder.ts'
import type { Operand } from '../recording-backend.ts'
import { canonical, reshapeValue, viewOf } from '../view.ts'
import { channelsFirst, channelsLast } from './convolution.ts'
import { likeOf } from './elementwise.ts'

interface Attributes {
  readonly groups: number
  readonly epsilon: number
  readonly activation: 'silu' | 'linear'
}

/** x̂, scale and shift as `[B, C, H, W]` and `[B, C, 1, 1]`. */
function normalized(
  graph: GraphBuilder,
  inputs: Readonly<Record<string, Operand>>,
  { groups, epsilon }: Attributes,
) {
  const x = channelsFirst(graph, (inputs.x as Operand).view)
  const [batch, channels, height, width] = x.shape as [number, number, number, number]
  const grouped = [batch, groups, (channels / groups) * height * width]
  const rows = reshapeValue(graph, x, grouped)
  const ones = graph.floats(new Array<number>(groups).fill(1))
  const zeros = graph.floats(new Array<number>(groups).fill(0))
  const standard = graph.node(
    'InstanceNormalization',
    [rows, ones, zeros],
    { shape: grouped },
    { epsilon: { float: epsilon } },
  )
  const affine = (name: 'scale' | 'shift') =>
    reshapeValue(graph, canonical(graph, (inputs[name] as Operand).view), [batch, channels, 1, 1])
  return {
    x,
    rows,
    grouped,
    standard: reshapeValue(graph, standard, x.shape),
    scale: affine('scale'),
    shift: affine('shift'),
  }
}

const groupNorm: Kernel = (graph, inputs, attrs: Attributes) => {
  const { standard, scale, shift } = normalized(graph, inputs, attrs)
  const like = likeOf(graph, standard)
  const u = like('Add', like('Mul', standard, scale), shift)
  return channelsLast(attrs.activation === 'silu' ? silu(graph, u) : u)
}

/** u σ(u) in one pass. */
export function silu(graph: GraphBuilder, u: Value): Value {
  return graph.node('QuickGelu', [u], { shape: u.shape }, { alpha: { float: 1 } }, 'com.microsoft')
}

/**
 * dx = (scale · du − mean_g(scale · du) − x̂ · mean_g(scale · du · x̂)) · rstd,   dscale = Σ du · x̂,   dshift = Σ du,
 * with du = dy · (σ(u) + u σ(u) (1 − σ(u))).
 */
const groupNormGradient: Kernel = (graph, inputs, attrs: Attributes) => {
  const { rows, grouped, standard, scale, shift } = normalized(graph, inputs, attrs)
  const [batch, channels, height, width] = standard.shape as [number, number, number, number]
  const like = likeOf(graph, standard)
  const dy = channelsFirst(graph, (inputs.dy as Operand).view)
  let du = dy
  if (attrs.activation === 'silu') {
    const u = like('Add', like('Mul', standard, scale), shift)
    const gate = like('Sigmoid', u)
    const y = silu(graph, u)
    du = like('Mul', dy, like('Add', gate, like('Sub', y, like('Mul', y, gate))))
  }
  const perChannel = (value: Value) =>
    graph.node(
      'ReduceSum',
      [value, graph.integers([2, 3])],
      { shape: [batch, channels, 1, 1] },
      { keepdims: 1 },
    )
  const dshift = perChannel(du)
  const dscale = perChannel(like('Mul', du, standard))
  const size = grouped[2] as number
  const groupMean = (sums: Value) => {
    const weighted = graph.node('Mul', [sums, scale], { shape: sums.shape })
    const parts = reshapeValue(graph, weighted, [batch, attrs.groups, channels / attrs.groups])
    const shape = [batch, attrs.groups, 1]
    const total = graph.node('ReduceSum', [parts, graph.integers([2])], { shape }, { keepdims: 1 })
    return graph.node('Mul', [total, graph.floats(1 / size)], { shape })
  }
  const rstd = reciprocalDeviation(graph, rows, attrs.epsilon)
  const onGroups = (value: Value) => reshapeValue(graph, value, grouped)
  const alike = (operator: string, ...values: Value[]) => graph.node(operator, values, { shape: grouped })
  const pulled = alike('Sub', onGroups(like('Mul', du, scale)), groupMean(dshift))
  const dx = alike('Mul', alike('Sub', pulled, alike('Mul', onGroups(standard), groupMean(dscale))), rstd)
  const flat = (value: Value) => viewOf(reshapeValue(graph, value, [batch, channels]))
  return [channelsLast(reshapeValue(graph, dx, [batch, channels, height, width])), flat(dscale), flat(dshift)]
}

/** 1/√(var + ε) of each row, by the mean square of what is left of the mean. */
function reciprocalDeviation(graph: GraphBuilder, rows: Value, epsilon: number): Value {
  const shape = [...rows.shape.slice(0, -1), 1]
  const like = (operator: string, ...values: Value[]) => graph.node(operator, values, { shape })
  const mean = graph.node('ReduceMean', [rows, graph.integers([2])], { shape }, { keepdims: 1 })
  const centered = graph.node('Sub', [rows, mean], { shape: rows.shape })
  const squares = graph.node('ReduceSumSquare', [centered, graph.integers([2])], { shape }, { keepdims: 1 })
  const variance = like('Mul', squares, graph.floats(1 / (rows.shape[2] as number)))
  return like('Reciprocal', like('Sqrt', like('Add', variance, graph.floats(epsilon))))
}

export const groupNormKernels: Readonly<Record<string, Kernel>> = {
  GuidedGroupNorm: groupNorm,
  GuidedGroupNormGrad: groupNormGradient,
}
