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

/** x̂, scale and shift as `[B, C, H, W]` and `[B, C, 1, 1]`, and 1/√(var + ε) of each group, `[B, G, 1]`. */
function normalized(
  graph: GraphBuilder,
  inputs: Readonly<Record<string, Operand>>,
  { groups, epsilon }: Attributes,
) {
  const x = channelsFirst(graph, (inputs.x as Operand).view)
  const [batch, channels, height, width] = x.shape as [number, number, number, number]
  const size = (channels / groups) * height * width
  const grouped = [batch, groups, size]
  // on the processor InstanceNormalization runs on one thread, and loses digits where the mean is large
  const [standard, , rstd] = graph.nodes(
    'LayerNormalization',
    [reshapeValue(graph, x, grouped), ones(graph, size)],
    [{ shape: grouped }, { shape: [batch, groups, 1] }, { shape: [batch, groups, 1] }],
    { axis: -1, epsilon: { float: epsilon } },
  ) as [Value, Value, Value]
  const affine = (name: 'scale' | 'shift') =>
    reshapeValue(graph, canonical(graph, (inputs[name] as Operand).view), [batch, channels, 1, 1])
  return {
    grouped,
    rstd,
    standard: reshapeValue(graph, standard, x.shape),
    scale: affine('scale'),
    shift: affine('shift'),
  }
}

const ones = (graph: GraphBuilder, length: number): Value =>
  graph.initializer(`${length} ones`, { type: 'float32', shape: [length] }, () =>
    new Float32Array(length).fill(1),
  )

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
 * dx = v − x̂ · mean_g(v · x̂) − mean_g(v),   v = scale · rstd · du,   dscale = Σ du · x̂,   dshift = Σ du,
 * with du = dy · σ(u) (1 + u − y).
 */
const groupNormGradient: Kernel = (graph, inputs, attrs: Attributes) => {
  const { grouped, rstd, standard, scale, shift } = normalized(graph, inputs, attrs)
  const [batch, channels] = standard.shape as [number, number, number, number]
  const like = likeOf(graph, standard)
  let du = channelsFirst(graph, (inputs.dy as Operand).view)
  if (attrs.activation === 'silu') {
    const u = like('Add', like('Mul', standard, scale), shift)
    const slope = like('Add', like('Sub', u, silu(graph, u)), graph.floats(1))
    du = like('Mul', du, like('Mul', like('Sigmoid', u), slope))
  }
  const onGroups = (value: Value) => reshapeValue(graph, value, grouped)
  const alike = (operator: string, ...values: Value[]) => graph.node(operator, values, { shape: grouped })
  const mean = (value: Value) =>
    graph.node('ReduceMean', [value, graph.integers([2])], { shape: rstd.shape }, { keepdims: 1 })
  const perGroup = reshapeValue(graph, rstd, [batch, attrs.groups, 1, 1])
  const byGroup = reshapeValue(graph, scale, [batch, attrs.groups, channels / attrs.groups, 1])
  const factor = graph.node('Mul', [byGroup, perGroup], { shape: byGroup.shape })
  const v = onGroups(like('Mul', du, reshapeValue(graph, factor, scale.shape)))
  const normal = onGroups(standard)
  const pull = alike('Mul', normal, mean(alike('Mul', v, normal)))
  const dx = alike('Sub', alike('Sub', v, pull), mean(v))
  const perChannel = (value: Value) => {
    const sums = graph.node(
      'ReduceSum',
      [value, graph.integers([2, 3])],
      { shape: [batch, channels] },
      { keepdims: 0 },
    )
    return viewOf(sums)
  }
  return [
    channelsLast(reshapeValue(graph, dx, standard.shape)),
    perChannel(like('Mul', du, standard)),
    perChannel(du),
  ]
}

export const groupNormKernels: Readonly<Record<string, Kernel>> = {
  GuidedGroupNorm: groupNorm,
  GuidedGroupNormGrad: groupNormGradient,
}
