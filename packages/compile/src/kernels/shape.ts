import { util } from '@tensorflow/tfjs-core'
import { UntraceableOperationError } from '../errors.ts'
import { type GraphBuilder, sizeOf, type Value } from '../graph.ts'
import type { Kernel } from '../recorder.ts'
import type { Operand } from '../recording-backend.ts'
import {
  arrange,
  canonical,
  makeView,
  reshapeView,
  shapeOf,
  type View,
  viewOf,
  withSingleAxis,
} from '../view.ts'

const viewIn = (inputs: Readonly<Record<string, Operand>>, name = 'x') => (inputs[name] as Operand).view

/** The view with an axis of the value for each of these axes of the tensor, those of length 1 included. */
function withAxes(
  graph: GraphBuilder,
  view: View,
  axes: readonly number[],
): { view: View; places: number[] } {
  let current = view
  for (const axis of axes) current = withSingleAxis(graph, current, axis)
  const shape = [...current.value.shape]
  const groups = current.axes.map((group) => [...group])
  const places = axes.map((axis) => {
    const found = groups[axis]?.[0]
    if (found !== undefined) return found
    shape.push(1)
    return shape.length - 1
  })
  const value =
    shape.length === current.value.shape.length
      ? current.value
      : graph.node('Reshape', [current.value, graph.integers(shape)], { shape })
  return { view: { value, axes: groups }, places }
}

/** The view after a change of length along some axes. */
function resized(view: View, value: Value, axes: readonly number[], places: readonly number[]): View {
  const groups = view.axes.map((group, axis) => {
    const i = axes.indexOf(axis)
    return i < 0 ? group : [places[i] as number]
  })
  return makeView(value, groups)
}

const slice: Kernel = (graph, inputs, attrs) => {
  const { begin, size } = attrs as { begin: number | number[]; size: number | number[] }
  const shape = (inputs.x as Operand).shape
  const from = shape.map((_, axis) => (Array.isArray(begin) ? (begin[axis] ?? 0) : axis === 0 ? begin : 0))
  const lengths = shape.map((length, axis) => {
    const wanted = Array.isArray(size) ? (size[axis] ?? -1) : axis === 0 ? size : -1
    return wanted < 0 ? length - (from[axis] as number) : wanted
  })
  const cut = shape.flatMap((length, axis) => (lengths[axis] === length ? [] : [axis]))
  if (cut.length === 0) return viewIn(inputs)
  const { view, places } = withAxes(graph, viewIn(inputs), cut)
  const starts = cut.map((axis) => from[axis] as number)
  const ends = cut.map((axis) => (from[axis] as number) + (lengths[axis] as number))
  const result = view.value.shape.map((length, place) => {
    const i = places.indexOf(place)
    return i < 0 ? length : (lengths[cut[i] as number] as number)
  })
  const value = graph.node(
    'Slice',
    [view.value, graph.integers(starts), graph.integers(ends), graph.integers(places)],
    { shape: result },
  )
  return resized(view, value, cut, places)
}

/** Slices with steps: the axes that they take away are found by the shape of the result. */
const stridedSlice: Kernel = (graph, inputs, attrs) => {
  const { begin, end, strides, ...masks } = attrs as Record<string, number | number[]> & {
    begin: number[]
    end: number[]
    strides: number[]
  }
  const shape = (inputs.x as Operand).shape
  if (Object.values(masks).some((mask) => mask !== 0) || strides.some((step) => step <= 0))
    throw untraceable('StridedSlice', 'masks and negative steps are not supported')
  const axes = begin.map((_, axis) => axis)
  const { view, places } = withAxes(graph, viewIn(inputs), axes)
  const bound = (value: number, axis: number) =>
    Math.min(shape[axis] as number, value < 0 ? value + (shape[axis] as number) : value)
  const starts = begin.map(bound)
  const ends = end.map(bound)
  const lengths = axes.map((i) =>
    Math.max(0, Math.ceil(((ends[i] as number) - (starts[i] as number)) / (strides[i] as number))),
  )
  const result = [...view.value.shape]
  for (const [i, place] of places.entries()) result[place] = lengths[i] as number
  const value = graph.node(
    'Slice',
    [view.value, ...[starts, ends, places, strides].map((list) => graph.integers(list))],
    { shape: result },
  )
  return resized(view, value, axes, places)
}

const splitAlong: Kernel = (graph, inputs, attrs) => {
  const { numOrSizeSplits, axis: given } = attrs as { numOrSizeSplits: number | number[]; axis: number }
  const shape = (inputs.x as Operand).shape
  const axis = given < 0 ? given + shape.length : given
  const length = shape[axis] as number
  const sizes =
    typeof numOrSizeSplits === 'number'
      ? new Array<number>(numOrSizeSplits).fill(length / numOrSizeSplits)
      : numOrSizeSplits.map((size) =>
          size < 0 ? length - numOrSizeSplits.reduce((sum, each) => sum + Math.max(0, each), 0) : size,
        )
  const { view, places } = withAxes(graph, viewIn(inputs), [axis])
  const place = places[0] as number
  const results = sizes.map((size) => ({
    shape: view.value.shape.map((each, i) => (i === place ? size : each)),
  }))
  return graph
    .nodes('Split', [view.value, graph.integers(sizes)], results, { axis: place })
    .map((value) => resized(view, value, [axis], places))
}

/** Concatenation in the layout of the first input that is no constant. */
const concat: Kernel = (graph, inputs, attrs) => {
  const operands = Object.values(inputs)
  const rank = (operands[0] as Operand).shape.length
  const axis = ((attrs as { axis: number }).axis + rank) % rank
  const first = (operands.find(({ constant }) => !constant) ?? operands[0]) as Operand
  const model = withAxes(graph, first.view, [axis]).view
  const single = model.axes.every((group) => group.length <= 1)
  // the order of the tensor's axes in the value
  const placed = single
    ? first.shape
        .map((_, i) => i)
        .sort((a, b) => (model.axes[a]?.[0] ?? a - rank) - (model.axes[b]?.[0] ?? b - rank))
    : first.shape.map((_, i) => i)
  const values = operands
    .filter(({ shape }) => sizeOf(shape) > 0)
    .map(({ view }) =>
      arrange(
        graph,
        view,
        placed.map((each) => [each]),
      ),
    )
  const place = placed.indexOf(axis)
  const total = values.reduce((sum, { shape }) => sum + (shape[place] as number), 0)
  const shape = (values[0] as Value).shape.map((length, i) => (i === place ? total : length))
  const value = graph.node('Concat', values, { shape }, { axis: place })
  return makeView(
    value,
    first.shape.map((_, each) => [placed.indexOf(each)]),
  )
}

const pad: Kernel = (graph, inputs, attrs) => {
  const { paddings, constantValue } = attrs as { paddings: [number, number][]; constantValue: number }
  const axes = paddings.flatMap(([before, after], axis) => (before || after ? [axis] : []))
  if (axes.length === 0) return viewIn(inputs)
  const { view, places } = withAxes(graph, viewIn(inputs), axes)
  // for each place, though the operator would take some: ONNX Runtime forgets which where it turns the layout (1.30)
  const before = view.value.shape.map(() => 0)
  const after = [...before]
  for (const [i, place] of places.entries())
    [before[place], after[place]] = paddings[axes[i] as number] as [number, number]
  const shape = view.value.shape.map(
    (length, place) => (before[place] as number) + length + (after[place] as number),
  )
  const amounts = graph.integers([...before, ...after])
  const value = graph.node('Pad', [view.value, amounts, graph.floats(constantValue)], { shape })
  return resized(view, value, axes, places)
}

const tile: Kernel = (graph, inputs, { reps }: { reps: number[] }) => {
  const value = canonical(graph, viewIn(inputs))
  const shape = value.shape.map((length, axis) => length * (reps[axis] as number))
  return viewOf(graph.node('Tile', [value, graph.integers(reps)], { shape }))
}

const gather: Kernel = (graph, inputs, attrs) => {
  const { axis, batchDims } = attrs as { axis: number; batchDims: number }
  if (batchDims !== 0) throw untraceable('GatherV2', 'batch dimensions are not supported')
  const value = canonical(graph, viewIn(inputs))
  const indices = canonical(graph, viewIn(inputs, 'indices'))
  const shape = [...value.shape.slice(0, axis), ...indices.shape, ...value.shape.slice(axis + 1)]
  return viewOf(graph.node('Gather', [value, indices], { shape }, { axis }))
}

const pack: Kernel = (graph, inputs, { axis }: { axis: number }) => {
  const values = Object.values(inputs).map(({ view, shape }) => {
    const wide = [...shape.slice(0, axis), 1, ...shape.slice(axis)]
    return graph.node('Reshape', [canonical(graph, view), graph.integers(wide)], { shape: wide })
  })
  const shape = (values[0] as Value).shape.map((length, i) => (i === axis ? values.length : length))
  return viewOf(graph.node('Concat', values, { shape }, { axis }))
}

function untraceable(operation: string, reason: string) {
  return new UntraceableOperationError({
    operation,
    reason,
    advice: 'Write it in terms of traced operations.',
  })
}

const same: Kernel = (_, inputs) => viewIn(inputs)

export const shapeKernels: Readonly<Record<string, Kernel>> = {
  Concat: concat,
  ExpandDims: (graph, inputs, { dim }: { dim: number }) => {
    const shape = [...shapeOf(viewIn(inputs, 'input'))]
    shape.splice(dim < 0 ? dim + shape.length + 1 : dim, 0, 1)
    return reshapeView(graph, viewIn(inputs, 'input'), shape)
  },
  GatherV2: gather,
  Identity: same,
  Pack: pack,
  PadV2: pad,
  Reshape: (graph, inputs, { shape }: { shape: number[] }) => {
    const view = viewIn(inputs)
    const known = shape.reduce((product, length) => (length < 0 ? product : product * length), 1)
    const size = sizeOf(shapeOf(view))
    return reshapeView(
      graph,
      view,
      shape.map((length) => (length < 0 ? size / known : length)),
    )
  },
  Reverse: (graph, inputs, attrs: { dims: number | number[] }) => {
    const dims = util.parseAxisParam(attrs.dims, [...(inputs.x as Operand).shape])
    const value = canonical(graph, viewIn(inputs))
    const list = (entry: number) => graph.integers(dims.map(() => entry))
    const steps = [list(-1), list(-(2 ** 31)), graph.integers(dims), list(-1)]
    return viewOf(graph.node('Slice', [value, ...steps], { shape: value.shape }))
  },
  Slice: slice,
  SplitV: splitAlong,
  StridedSlice: stridedSlice,
  Tile: tile,
  Transpose: (_, inputs, { perm }: { perm: number[] }) => {
    const { value, axes } = viewIn(inputs)
    return { value, axes: perm.map((axis) => axes[axis] as readonly number[]) }
  },
}
