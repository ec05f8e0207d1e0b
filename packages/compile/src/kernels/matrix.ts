/**
 * Matrix products. Operands keep their layout: a factor whose rows lie before its columns or after them is multiplied as
 * it lies, since ONNX Runtime's `FusedMatMul` takes either turned.
 */
import { UntraceableOperationError } from '../errors.ts'
import { type GraphBuilder, sizeOf, type Value } from '../graph.ts'
import type { Kernel } from '../recorder.ts'
import type { Operand } from '../recording-backend.ts'
import { arrange, makeView, reshapeValue, shapeOf, type View } from '../view.ts'
import { broadcast } from './elementwise.ts'

const activations: Readonly<Record<string, string>> = { relu: 'Relu', sigmoid: 'Sigmoid' }

const matMul: Kernel = (graph, inputs, attrs) => {
  const {
    transposeA,
    transposeB,
    activation = 'linear',
  } = attrs as {
    transposeA: boolean
    transposeB: boolean
    activation?: string
  }
  const a = turned((inputs.a as Operand).view, transposeA)
  const b = turned((inputs.b as Operand).view, transposeB)
  const constant = (inputs.b as Operand).constant !== undefined
  const product =
    (constant && sizeOf(shapeOf(b).slice(0, -2)) === 1 ? byWeight(graph, a, b) : undefined) ??
    general(graph, a, b)
  const biased = inputs.bias
    ? broadcast(graph, [operandOf(product), inputs.bias], (_, values, shape) =>
        graph.node('Add', values, { shape }),
      )
    : product
  if (activation === 'linear') return biased
  const operator = activations[activation]
  if (!operator) {
    throw new UntraceableOperationError({
      operation: '_FusedMatMul',
      reason: `it has the activation ${activation}`,
      advice: 'Apply the activation after the product.',
    })
  }
  return { value: graph.node(operator, [biased.value], { shape: biased.value.shape }), axes: biased.axes }
}

export const operandOf = (view: View): Operand => ({ view, shape: shapeOf(view), type: view.value.type })

function turned({ value, axes }: View, transpose: boolean): View {
  if (!transpose) return { value, axes }
  return {
    value,
    axes: [...axes.slice(0, -2), axes.at(-1) as readonly number[], axes.at(-2) as readonly number[]],
  }
}

/** a W with one weight matrix for all rows, wherever the inner axis of a lies. */
function byWeight(graph: GraphBuilder, factor: View, b: View): View | undefined {
  const a = withInnerAxis(graph, factor)
  const inner = a.axes.at(-1) as readonly number[]
  if (inner.length !== 1) return undefined
  const place = inner[0] as number
  const { shape } = a.value
  const [k, n] = shapeOf(b).slice(-2) as [number, number]
  const rank = b.axes.length
  const replaced = (value: Value) => makeView(value, [...a.axes.slice(0, -1), [place]])
  if (place === shape.length - 1) {
    const weight = arrange(graph, b, [b.axes.slice(0, -2).map((_, i) => i), [rank - 2], [rank - 1]])
    const flat = reshapeValue(graph, weight, [k, n])
    return replaced(graph.node('MatMul', [a.value, flat], { shape: [...shape.slice(0, -1), n] }))
  }
  // [before, k, after] → [before, n, after] by a convolution of width 1
  const before = sizeOf(shape.slice(0, place))
  const after = shape.slice(place + 1)
  const behind = after.map((_, i) => place + 1 + i)
  const outer = a.axes.slice(0, -1)
  // along one axis the runtime multiplies pixels as they lie: images it would bring to its blocked layout and back
  const long = behind.filter((axis) => shape[axis] !== 1)
  const isRow = long.length <= 1 || outer.some((group) => `${group.slice(-long.length)}` === `${long}`)
  const lengths = isRow || after.length !== 2 ? [sizeOf(after)] : after
  const filter = [n, k, ...lengths.map(() => 1)]
  const weight = reshapeValue(graph, arrange(graph, b, [[rank - 1], [rank - 2]]), filter)
  const image = reshapeValue(graph, a.value, [before, k, ...lengths])
  const rows = graph.node('Conv', [image, weight], { shape: [before, n, ...lengths] })
  const fits = place <= 1 && (isRow || after.length === 2)
  if (!fits) return replaced(reshapeValue(graph, rows, [...shape.slice(0, place), n, ...after]))
  // as it is, so that the runtime finds the bias that follows, and fuses it
  const moved = (axis: number) => (axis < place ? 0 : isRow ? 2 : axis - place + 1)
  const places = outer.map((group) => [...new Set(group.map(moved))])
  return makeView(rows, [...places, [1]])
}

/** The view with its last axis as one axis of the value, where the parts of it lie side by side. */
function withInnerAxis(graph: GraphBuilder, view: View): View {
  const inner = view.axes.at(-1) as readonly number[]
  const [first] = inner
  if (first === undefined || inner.length === 1 || inner.some((axis, i) => axis !== first + i)) return view
  const { shape } = view.value
  const whole = sizeOf(inner.map((axis) => shape[axis] as number))
  const merged = [...shape.slice(0, first), whole, ...shape.slice(first + inner.length)]
  const moved = (axis: number) => (axis < first ? axis : axis - inner.length + 1)
  const axes = [...view.axes.slice(0, -1).map((group) => group.map(moved)), [first]]
  return { value: reshapeValue(graph, view.value, merged), axes }
}

/** Products of many pairs of matrices: batch axes first, rows and columns as they lie. */
function general(graph: GraphBuilder, a: View, b: View): View {
  const rank = Math.max(a.axes.length, b.axes.length)
  const wide = ({ value, axes }: View): View => ({
    value,
    axes: [...new Array<number[]>(rank - axes.length).fill([]), ...axes],
  })
  const [left, right] = [matrices(graph, wide(a)), matrices(graph, wide(b))]
  const batch = left.batch.map((length, i) => Math.max(length, right.batch[i] as number))
  const [m, n] = [left.rows, right.columns]
  const outer = batch.map((_, axis) => [axis])
  // (a b)ᵀ = bᵀ aᵀ: where b lies turned, so that what follows finds its columns before its rows
  if (right.isTurned && !left.isTurned) {
    const value = product(graph, [right.value, left.value], [...batch, n, m], { transB: 1 })
    return makeView(value, [...outer, [rank - 1], [rank - 2]])
  }
  const options = { transA: left.isTurned ? 1 : 0, transB: right.isTurned ? 1 : 0 }
  const value = product(graph, [left.value, right.value], [...batch, m, n], options)
  return makeView(value, [...outer, [rank - 2], [rank - 1]])
}

/** α op(a) op(b), where op exchanges the last two axes of a or b as they lie. */
export function product(
  graph: GraphBuilder,
  inputs: readonly [a: Value, b: Value],
  shape: readonly number[],
  { transA = 0, transB = 0, alpha = 1 }: { transA?: number; transB?: number; alpha?: number },
): Value {
  if (transA === 0 && transB === 0 && alpha === 1) return graph.node('MatMul', inputs, { shape })
  const options = { transA, transB, ...(alpha === 1 ? {} : { alpha: { float: alpha } }) }
  return graph.node('FusedMatMul', inputs, { shape }, options, 'com.microsoft')
}

interface Matrices {
  /** `[…batch, rows, columns]`, or `[…batch, columns, rows]` where it is turned. */
  readonly value: Value
  readonly batch: readonly number[]
  readonly rows: number
  readonly columns: number
  readonly isTurned: boolean
}

function matrices(graph: GraphBuilder, view: View): Matrices {
  const rank = view.axes.length
  const shape = shapeOf(view)
  const [row, column] = [view.axes.at(-2), view.axes.at(-1)] as [readonly number[], readonly number[]]
  const isTurned = row.length > 0 && column.length > 0 && (column.at(-1) as number) < (row[0] as number)
  const outer = shape.slice(0, -2).map((_, axis) => [axis])
  const last = isTurned ? [[rank - 1], [rank - 2]] : [[rank - 2], [rank - 1]]
  return {
    value: arrange(graph, view, [...outer, ...last]),
    batch: shape.slice(0, -2),
    rows: shape[rank - 2] as number,
    columns: shape[rank - 1] as number,
    isTurned,
  }
}

export const matrixKernels: Readonly<Record<string, Kernel>> = {
  BatchMatMul: matMul,
  _FusedMatMul: matMul,
}
