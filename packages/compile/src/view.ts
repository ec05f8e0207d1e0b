/**
 * Tensors as the traced function sees them, over values as the graph holds them.
 *
 * A view says for each axis of the tensor which axes of the value make it up, in order. Transposing and reshaping a
 * tensor then changes the view and nothing else, and a convolution's output can stay in the runtime's own layout
 * (`[B, C, H, W]`) while the function goes on in TensorFlow's (`[B, H, W, C]`): axes `[[0], [2], [3], [1]]`. Nodes that
 * move data are made only where an operation needs another order than the value has.
 *
 * Axes of length 1 never appear in a view; axes of a value that no view names have length 1.
 */
import { commonFactors, partition } from './factors.ts'
import { type GraphBuilder, sizeOf, type Value } from './graph.ts'
import { transposedOrigin } from './origin.ts'
import { permute } from './permute.ts'

export interface View {
  readonly value: Value
  readonly axes: readonly (readonly number[])[]
}

/** The tensor that lies as it looks. */
export function viewOf(value: Value): View {
  return { value, axes: value.shape.map((length, axis) => (length === 1 ? [] : [axis])) }
}

/** A view over a value whose axes were named before those of length 1 were known. */
export function makeView(value: Value, axes: readonly (readonly number[])[]): View {
  return { value, axes: axes.map((group) => group.filter((axis) => value.shape[axis] !== 1)) }
}

const lengthOf = (value: Value, axis: number) => value.shape[axis] as number

/** The tensor's shape. */
export function shapeOf({ value, axes }: View): number[] {
  return axes.map((group) => group.reduce((product, axis) => product * lengthOf(value, axis), 1))
}

/** The lengths that make up one axis of a tensor. */
export const factorsOf = ({ value, axes }: View, axis: number): number[] =>
  (axes[axis] as readonly number[]).map((physical) => lengthOf(value, physical))

/** The value in another shape. Constants are reshaped when they are written, not when the graph runs. */
export function reshapeValue(graph: GraphBuilder, value: Value, shape: readonly number[]): Value {
  if (shape.length === value.shape.length && shape.every((length, i) => length === value.shape[i]))
    return value
  const constant = graph.constantOf(value)
  if (constant) {
    const { label, origin, read } = constant
    return graph.initializer(`${value.name} as ${shape}`, { type: value.type, shape, label, origin }, read)
  }
  return graph.node('Reshape', [value, graph.integers(shape)], { shape })
}

/** The value with its axes in the given order. Moves data only where axes longer than 1 change places. */
export function transposeValue(graph: GraphBuilder, value: Value, order: readonly number[]): Value {
  const shape = order.map((axis) => lengthOf(value, axis))
  const long = order.filter((axis) => lengthOf(value, axis) !== 1)
  if (long.every((axis, i) => i === 0 || axis > (long[i - 1] as number)))
    return reshapeValue(graph, value, shape)
  const constant = graph.constantOf(value)
  if (constant) {
    const { label, read } = constant
    const key = `${value.name} by ${order}`
    const origin = constant.origin && transposedOrigin(constant.origin, value.shape, order)
    return graph.initializer(key, { type: value.type, shape, label, origin }, () =>
      permute(read(), value.shape, order),
    )
  }
  // runs of axes that stay together are one: the runtime is fastest where few change places
  const rising = long.toSorted((a, b) => a - b)
  const runs: number[][] = []
  for (const axis of long) {
    const run = runs.at(-1)
    const follows = run && rising.indexOf(axis) === rising.indexOf(run.at(-1) as number) + 1
    if (follows) run.push(axis)
    else runs.push([axis])
  }
  const lying = runs.toSorted(([a], [b]) => (a as number) - (b as number))
  const size = (run: readonly number[]) => sizeOf(run.map((axis) => lengthOf(value, axis)))
  const merged = reshapeValue(graph, value, lying.map(size))
  const perm = runs.map((run) => lying.indexOf(run))
  return reshapeValue(graph, graph.node('Transpose', [merged], { shape: runs.map(size) }, { perm }), shape)
}

/** Replaces axes of the value by several whose product they are. */
function splitAxes(graph: GraphBuilder, view: View, factors: ReadonlyMap<number, readonly number[]>): View {
  if (factors.size === 0) return view
  const shape: number[] = []
  const moved = view.value.shape.map((length, axis) => {
    const parts = factors.get(axis) ?? [length]
    const places = parts.map((_, i) => shape.length + i)
    shape.push(...parts)
    return places
  })
  const axes = view.axes.map((group) => group.flatMap((axis) => moved[axis] as number[]))
  return makeView(reshapeValue(graph, view.value, shape), axes)
}

/**
 * The view with each axis of the tensor made up of the wanted lengths, where its axes can be split so far.
 *
 * @param wanted the lengths of each axis of the tensor, in order; each product must be the axis' length.
 */
export function refine(
  graph: GraphBuilder,
  view: View,
  wanted: readonly (readonly number[])[],
): View | undefined {
  const splits = new Map<number, readonly number[]>()
  for (const [i, group] of view.axes.entries()) {
    const parts = partition(
      group.map((axis) => lengthOf(view.value, axis)),
      (wanted[i] as readonly number[]).filter((length) => length !== 1),
    )
    if (!parts) return undefined
    for (const [n, axis] of group.entries()) {
      const lengths = parts[n] as number[]
      if (lengths.length > 1) splits.set(axis, lengths)
    }
  }
  return splitAxes(graph, view, splits)
}

/**
 * A value whose axes are those of the tensor in the given order: `arrange(view, [[0], [3], [1], [2]])` gives
 * `[B, C, H, W]` of a tensor `[B, H, W, C]`, `[[0], [1, 2], [3]]` merges height and width.
 */
export function arrange(graph: GraphBuilder, view: View, groups: readonly (readonly number[])[]): Value {
  const named = groups.flat().flatMap((axis) => view.axes[axis] as readonly number[])
  const rest = view.value.shape.flatMap((_, axis) => (named.includes(axis) ? [] : [axis]))
  const ordered = transposeValue(graph, view.value, [...named, ...rest])
  const shape = shapeOf(view)
  return reshapeValue(
    graph,
    ordered,
    groups.map((group) => sizeOf(group.map((axis) => shape[axis] as number))),
  )
}

/** The value that lies as the tensor looks, row by row. */
export function canonical(graph: GraphBuilder, view: View): Value {
  return arrange(
    graph,
    view,
    view.axes.map((_, axis) => [axis]),
  )
}

/** The tensor in another shape: moves data only where axes must merge that do not lie side by side. */
export function reshapeView(graph: GraphBuilder, view: View, shape: readonly number[]): View {
  const flat = view.axes.flat()
  const factors = commonFactors(
    flat.map((axis) => lengthOf(view.value, axis)),
    shape.filter((length) => length !== 1),
  )
  const lengths = view.axes.map((_, axis) => factorsOf(view, axis))
  const cut = factors && partition(lengths.flat(), factors)
  if (!cut) return viewOf(reshapeValue(graph, canonical(graph, view), shape))
  const split = splitAxes(
    graph,
    view,
    new Map(flat.flatMap((axis, i) => ((cut[i] as number[]).length > 1 ? [[axis, cut[i] as number[]]] : []))),
  )
  const sequence = split.axes.flat()
  let next = 0
  const axes = shape.map((length) => {
    const group: number[] = []
    for (let product = 1; product < length; product *= lengthOf(split.value, group.at(-1) as number))
      group.push(sequence[next++] as number)
    return group
  })
  return { value: split.value, axes }
}

/** The view with one axis of the tensor as at most one axis of the value. */
export function withSingleAxis(graph: GraphBuilder, view: View, axis: number): View {
  if ((view.axes[axis] as readonly number[]).length <= 1) return view
  return viewOf(canonical(graph, view))
}
