import { type ElementType, type GraphBuilder, typeCodes, type Value } from '../graph.ts'
import type { Kernel } from '../recorder.ts'
import type { Operand } from '../recording-backend.ts'
import { canonical, makeView, type View, viewOf, withSingleAxis } from '../view.ts'
import { likeOf } from './elementwise.ts'

/** A reduction of whole axes of the tensor, wherever they lie in the value. */
function reduction(operator: string, result?: 'bool'): Kernel {
  return (graph, { x }, attrs) => {
    const { axis, axes, keepDims, reductionIndices } = attrs as unknown as Record<
      string,
      number | number[] | boolean
    >
    const { view, shape, type } = x as Operand
    const given = axis ?? axes ?? reductionIndices ?? shape.map((_, each) => each)
    const reduced = (Array.isArray(given) ? given : [given as number]).map(
      (each) => (each + shape.length) % shape.length,
    )
    const source = type === 'bool' ? castTo(graph, view.value, 'int32') : view.value
    const finish = (value: Value) => (result ? castTo(graph, value, result) : value)
    const places = reduced.flatMap((each) => view.axes[each] as readonly number[]).sort((a, b) => a - b)
    const reducedValue =
      places.length === 0
        ? source
        : graph.node(
            operator,
            [source, graph.integers(places)],
            { shape: source.shape.map((length, place) => (places.includes(place) ? 1 : length)) },
            { keepdims: 1 },
          )
    const kept = view.axes.map((group, each) => (reduced.includes(each) ? [] : group))
    const value = finish(reducedValue)
    return { value, axes: keepDims ? kept : kept.filter((_, each) => !reduced.includes(each)) }
  }
}

function castTo(graph: GraphBuilder, value: Value, type: ElementType): Value {
  return graph.node('Cast', [value], { shape: value.shape, type }, { to: typeCodes[type] })
}

/** Softmax and its logarithm over one axis, the last unless told. */
function overAxis(operator: string, operand: (inputs: Readonly<Record<string, Operand>>) => Operand): Kernel {
  return (graph, inputs, attrs) => {
    const { shape, view } = operand(inputs)
    const { dim = -1, axis = dim } = attrs as { dim?: number; axis?: number }
    const index = (axis + shape.length) % shape.length
    const single = withSingleAxis(graph, view, index)
    const place = single.axes[index]?.[0]
    if (place === undefined) {
      const like = likeOf(graph, single.value)
      const zero = like('Sub', single.value, single.value)
      return { value: operator === 'Softmax' ? like('Exp', zero) : zero, axes: single.axes }
    }
    const value = graph.node(operator, [single.value], { shape: single.value.shape }, { axis: place })
    return { value, axes: single.axes }
  }
}

const argExtreme =
  (operator: string): Kernel =>
  (graph, { x }, { axis }: { axis: number }): View => {
    const value = canonical(graph, (x as Operand).view)
    const shape = value.shape.filter((_, each) => each !== axis)
    const index = graph.node(operator, [value], { shape, type: 'int64' }, { axis, keepdims: 0 })
    return viewOf(graph.node('Cast', [index], { shape, type: 'int32' }, { to: 6 }))
  }

const cumsum: Kernel = (graph, { x }, attrs) => {
  const { axis, exclusive, reverse } = attrs as { axis: number; exclusive: boolean; reverse: boolean }
  const value = canonical(graph, (x as Operand).view)
  const options = { exclusive: exclusive ? 1 : 0, reverse: reverse ? 1 : 0 }
  const along = graph.initializer(`axis ${axis}`, { type: 'int32', shape: [] }, () => Int32Array.of(axis))
  return makeView(
    graph.node('CumSum', [value, along], { shape: value.shape }, options),
    value.shape.map((_, each) => [each]),
  )
}

export const reductionKernels: Readonly<Record<string, Kernel>> = {
  All: reduction('ReduceMin', 'bool'),
  Any: reduction('ReduceMax', 'bool'),
  ArgMax: argExtreme('ArgMax'),
  ArgMin: argExtreme('ArgMin'),
  Cumsum: cumsum,
  LogSoftmax: overAxis('LogSoftmax', ({ logits }) => logits as Operand),
  Max: reduction('ReduceMax'),
  Mean: reduction('ReduceMean'),
  Min: reduction('ReduceMin'),
  Prod: reduction('ReduceProd'),
  Softmax: overAxis('Softmax', ({ logits }) => logits as Operand),
  Sum: reduction('ReduceSum'),
}
