import { commonFactors } from './factors.ts'
import { type GraphBuilder, sizeOf, type Value } from './graph.ts'
import {
  canonical,
  factorsOf,
  makeView,
  refine,
  reshapeValue,
  shapeOf,
  transposeValue,
  type View,
  viewOf,
} from './view.ts'

/** Operands brought to one layout: their values broadcast against each other as ONNX's operators do. */
export interface Aligned {
  readonly values: readonly Value[]
  /** Shape of an elementwise result. */
  readonly shape: readonly number[]
  /** A view of a result of that shape. */
  readonly view: (value: Value) => View
}

/** A part of an axis of the result. */
interface Part {
  /** −1 for axes of length 1 that only the value has. */
  readonly axis: number
  readonly part: number
  readonly length: number
}

/** Tensors that broadcast as TensorFlow's do, in the layout of the largest. */
export function align(graph: GraphBuilder, views: readonly View[]): Aligned {
  const rank = Math.max(...views.map(({ axes }) => axes.length))
  const padded = views.map(({ value, axes }) => ({
    value,
    axes: [...new Array<number[]>(rank - axes.length).fill([]), ...axes],
  }))
  const factors = sharedFactors(padded, rank)
  const plain = factors === undefined
  const lengths = factors ?? outputShape(padded, rank).map((length) => (length === 1 ? [] : [length]))
  const fitted = padded.map((view) => fit(graph, plain ? viewOf(canonical(graph, view)) : view, lengths))
  const order = layout(fitted, lengths)
  const shape = order.map(({ length }) => length)
  return {
    values: fitted.map((view) => lay(graph, view, order)),
    shape,
    view: (value) =>
      makeView(
        value,
        lengths.map((_, axis) =>
          order
            .flatMap((part, i) => (part.axis === axis ? [{ ...part, i }] : []))
            .sort((a, b) => a.part - b.part)
            .map(({ i }) => i),
        ),
      ),
  }
}

function outputShape(views: readonly View[], rank: number): number[] {
  const shapes = views.map(shapeOf)
  return Array.from({ length: rank }, (_, axis) => Math.max(...shapes.map((shape) => shape[axis] as number)))
}

/** What each axis of the result is made of; undefined where two operands cut an axis in ways that do not agree. */
function sharedFactors(views: readonly View[], rank: number): number[][] | undefined {
  const result: number[][] = []
  for (let axis = 0; axis < rank; axis++) {
    let shared: number[] = []
    for (const view of views) {
      const own = factorsOf(view, axis)
      if (own.length === 0) continue
      const common = shared.length === 0 ? own : commonFactors(shared, own)
      if (!common) return undefined
      shared = common
    }
    result.push(shared)
  }
  return result
}

function fit(graph: GraphBuilder, view: View, lengths: readonly (readonly number[])[]): View {
  const wanted = lengths.map((parts, axis) =>
    (view.axes[axis] as readonly number[]).length === 0 ? [] : parts,
  )
  return refine(graph, view, wanted) as View
}

/**
 * The order of the largest operand, with its axes of length 1, so that it is used as it is; parts that it lacks are put
 * before the next axis that it has.
 */
function layout(views: readonly View[], lengths: readonly (readonly number[])[]): Part[] {
  const sizes = views.map((view) => sizeOf(shapeOf(view)))
  const dominant = views[sizes.indexOf(Math.max(...sizes))] as View
  const order: Part[] = dominant.value.shape.map((length, physical) => {
    const axis = dominant.axes.findIndex((group) => group.includes(physical))
    const part = dominant.axes[axis]?.indexOf(physical) ?? 0
    return { axis, part, length }
  })
  for (const [axis, parts] of lengths.entries()) {
    if ((dominant.axes[axis] as readonly number[]).length > 0) continue
    const next = order.findIndex((part) => part.axis > axis)
    const missing = parts.map((length, part) => ({ axis, part, length }))
    order.splice(next < 0 ? order.length : next, 0, ...missing)
  }
  return order
}

/** The value with its axes in that order, and 1 where it has none. */
function lay(graph: GraphBuilder, view: View, order: readonly Part[]): Value {
  const physical = order.map(({ axis, part }) => view.axes[axis]?.[part])
  const named = physical.filter((axis) => axis !== undefined)
  const rest = view.value.shape.flatMap((_, axis) => (named.includes(axis) ? [] : [axis]))
  const shape = physical.map((axis) => (axis === undefined ? 1 : (view.value.shape[axis] as number)))
  const inOrder = named.every((axis, i) => i === 0 || axis > (named[i - 1] as number))
  const ordered = inOrder ? view.value : transposeValue(graph, view.value, [...named, ...rest])
  return reshapeValue(graph, ordered, shape)
}
