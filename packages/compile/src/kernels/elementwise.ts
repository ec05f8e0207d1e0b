import { align } from '../align.ts'
import { type ElementType, type GraphBuilder, typeCodes, type Value } from '../graph.ts'
import type { Kernel } from '../recorder.ts'
import type { Operand } from '../recording-backend.ts'
import { canonical, type View } from '../view.ts'

type Build = (graph: GraphBuilder, values: readonly Value[], shape: readonly number[]) => Value

/** One operator on operands that broadcast. */
export function broadcast(graph: GraphBuilder, operands: readonly Operand[], build: Build): View {
  const { values, shape, view } = align(
    graph,
    operands.map((operand) => operand.view),
  )
  return view(build(graph, values, shape))
}

function unary(operator: string): Kernel {
  return (graph, { x }) =>
    broadcast(graph, [x as Operand], (_, values, shape) => graph.node(operator, values, { shape }))
}

function binary(operator: string, type?: ElementType): Kernel {
  return (graph, { a, b }) =>
    broadcast(graph, [a as Operand, b as Operand], (_, values, shape) =>
      graph.node(operator, values, { shape, ...(type ? { type } : {}) }),
    )
}

/** A formula over one operand, of ONNX's operators. */
function formula(
  build: (graph: GraphBuilder, x: Value, attrs: Readonly<Record<string, number>>) => Value,
): Kernel {
  return (graph, { x }, attrs) =>
    broadcast(graph, [x as Operand], (_, values) => build(graph, values[0] as Value, attrs))
}

export const likeOf =
  (graph: GraphBuilder, { shape }: Value) =>
  (operator: string, ...inputs: Value[]) =>
    graph.node(operator, inputs, { shape })

const cast: Kernel = (graph, { x }, { dtype }: { dtype: ElementType }) => {
  const { view } = x as Operand
  if (view.value.type === dtype) return view
  return {
    axes: view.axes,
    value: graph.node(
      'Cast',
      [view.value],
      { shape: view.value.shape, type: dtype },
      { to: typeCodes[dtype] },
    ),
  }
}

const select: Kernel = (graph, { condition, t, e }) =>
  broadcast(graph, [condition, t, e] as Operand[], (_, values, shape) =>
    graph.node('Where', values, { shape, type: (values[1] as Value).type }),
  )

const oneHot: Kernel = (graph, { indices }, attrs) => {
  const { depth, onValue, offValue, dtype } = attrs as {
    depth: number
    onValue: number
    offValue: number
    dtype?: string
  }
  const { shape, view } = indices as Operand
  const index = canonical(graph, view)
  const rows = graph.node('Reshape', [index, graph.integers([...shape, 1])], { shape: [...shape, 1] })
  const classes = graph.initializer(`range ${depth}`, { type: 'int32', shape: [depth] }, () =>
    Int32Array.from({ length: depth }, (_, i) => i),
  )
  const wide = [...shape, depth]
  const hit = graph.node('Equal', [rows, classes], { shape: wide, type: 'bool' })
  const flags = graph.node('Cast', [hit], { shape: wide, type: 'float32' }, { to: 1 })
  const scaled =
    onValue === 1 && offValue === 0
      ? flags
      : likeOf(graph, flags)(
          'Add',
          likeOf(graph, flags)('Mul', flags, graph.floats(onValue - offValue)),
          graph.floats(offValue),
        )
  const result =
    dtype === 'float32' ? scaled : graph.node('Cast', [scaled], { shape: wide, type: 'int32' }, { to: 6 })
  return { value: result, axes: wide.map((length, axis) => (length === 1 ? [] : [axis])) }
}

export const elementwiseKernels: Readonly<Record<string, Kernel>> = {
  Abs: unary('Abs'),
  Ceil: unary('Ceil'),
  Cos: unary('Cos'),
  Erf: unary('Erf'),
  Exp: unary('Exp'),
  Floor: unary('Floor'),
  Log: unary('Log'),
  LogicalNot: unary('Not'),
  Neg: unary('Neg'),
  Reciprocal: unary('Reciprocal'),
  Relu: unary('Relu'),
  // both round halves to even
  Round: unary('Round'),
  Sigmoid: unary('Sigmoid'),
  Sign: unary('Sign'),
  Sin: unary('Sin'),
  Softplus: unary('Softplus'),
  Sqrt: unary('Sqrt'),
  Tan: unary('Tan'),
  Tanh: unary('Tanh'),
  IsNan: (graph, { x }) =>
    broadcast(graph, [x as Operand], (_, values, shape) =>
      graph.node('IsNaN', values, { shape, type: 'bool' }),
    ),

  Add: binary('Add'),
  Sub: binary('Sub'),
  Multiply: binary('Mul'),
  RealDiv: binary('Div'),
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Pow: binary('Pow'),
  LogicalAnd: binary('And', 'bool'),
  LogicalOr: binary('Or', 'bool'),
  Equal: binary('Equal', 'bool'),
  Greater: binary('Greater', 'bool'),
  GreaterEqual: binary('GreaterOrEqual', 'bool'),
  Less: binary('Less', 'bool'),
  LessEqual: binary('LessOrEqual', 'bool'),
  SquaredDifference: (graph, { a, b }) =>
    broadcast(graph, [a as Operand, b as Operand], (_, values, shape) => {
      const difference = graph.node('Sub', values, { shape })
      return graph.node('Mul', [difference, difference], { shape })
    }),

  Square: formula((graph, x) => likeOf(graph, x)('Mul', x, x)),
  Rsqrt: formula((graph, x) => likeOf(graph, x)('Reciprocal', likeOf(graph, x)('Sqrt', x))),
  Expm1: formula((graph, x) => likeOf(graph, x)('Sub', likeOf(graph, x)('Exp', x), graph.floats(1))),
  Log1p: formula((graph, x) => likeOf(graph, x)('Log', likeOf(graph, x)('Add', x, graph.floats(1)))),
  ClipByValue: formula((graph, x, { clipValueMin, clipValueMax }) =>
    likeOf(graph, x)('Clip', x, graph.floats(clipValueMin as number), graph.floats(clipValueMax as number)),
  ),
  // α where x ≤ 0, 1 above
  Step: formula((graph, x, { alpha = 0 }) => {
    const above = graph.node('Greater', [x, graph.floats(0)], { shape: x.shape, type: 'bool' })
    return graph.node('Where', [above, graph.floats(1), graph.floats(alpha)], {
      shape: x.shape,
      type: 'float32',
    })
  }),
  ZerosLike: formula((graph, x) => likeOf(graph, x)('Mul', x, graph.floats(0))),
  OnesLike: formula((graph, x) =>
    likeOf(graph, x)('Add', likeOf(graph, x)('Mul', x, graph.floats(0)), graph.floats(1)),
  ),

  AddN: (graph, inputs) =>
    broadcast(graph, Object.values(inputs), (_, values, shape) => graph.node('Sum', values, { shape })),
  Cast: cast,
  Select: select,
  OneHot: oneHot,
}
