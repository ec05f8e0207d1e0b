/**
 * Arithmetic in float16, 11 bits of a number's 24, where devices gain from it: in convolutions and products of matrices,
 * and in what only passes numbers on. What sums many numbers, divides or squares keeps float32, as do the last convolution,
 * whose result is the picture, and the small networks of the timestep: the reference code draws the line in the same places.
 * Gradients keep float32 as well, since float16 ends below at 6e-8, where those of many pixels lie.
 */
import { type Graph, type GraphNode, type Initializer, typeCodes, type Value } from './graph.ts'
import { nameMaker } from './graph-names.ts'
import { halfConstant } from './half-weights.ts'

/** Computed in float16 where all their factors are, but for weights. */
const products = new Set(['MatMul', 'FusedMatMul'])

/** Computed in float16 where all numbers that they pass on are. */
const passing = new Set(
  'Add Concat Expand Identity Mul Neg Pad QuickGelu Reshape Resize Sigmoid Slice Split Sub Tile Transpose'.split(
    ' ',
  ),
)

/** Computed in float32, with results that float16 holds: they are around 1. */
const settling = new Set(['LayerNormalization', 'Softmax'])

/** A convolution to fewer channels is the last: its time is that of its memory. */
const fewestChannels = 16

/** What float16 holds with all of its bits, but for 0. */
const [least, most] = [2 ** -14, 65504]

type Width = 'float16' | 'float32'

/**
 * The graph with its large products in float16. Inputs and results stay float32.
 *
 * @throws WeightRangeError, when a weight is read, for numbers beyond ±65504.
 */
export function halfArithmetic(graph: Graph): Graph {
  const unused = nameMaker(graph)
  const constants = new Map(graph.initializers.map((each) => [each.value.name, each]))
  const results = new Set(graph.outputs.map(({ name }) => name))
  const nodes: GraphNode[] = []
  const halves: Initializer[] = []
  /** Each value of float32 as it is now, and what it was cast to. */
  const current = new Map<string, Value>()
  const cast = new Map<string, Value>()

  const now = (value: Value): Value => current.get(value.name) ?? value

  const inWidth = (original: Value, width: Width): Value => {
    const value = now(original)
    if (value.type === width) return value
    const key = `${value.name} ${width}`
    const found = cast.get(key)
    if (found) return found
    const other: Value = { ...value, name: unused(`${value.name} as ${width}`), type: width }
    const constant = constants.get(value.name)
    if (constant) halves.push(halfConstant(constant, other))
    else nodes.push(castNode(value, other))
    cast.set(key, other)
    return other
  }

  const widthOf = (node: GraphNode): Width => {
    const { operator, inputs, outputs } = node
    const numbers = carried(node)
    if (outputs.some(({ name }) => results.has(name))) return 'float32'
    if (operator === 'Conv') return convolutionWidth(inputs[1] as Value, constants)
    if (!products.has(operator) && !passing.has(operator)) return 'float32'
    // a square may be beyond the range
    if (operator === 'Mul' && inputs[0]?.name === inputs[1]?.name) return 'float32'
    const given = inputs.filter(numbers)
    const varying = given.filter(({ name }) => !constants.has(name))
    const fixed = given.flatMap(({ name }) => constants.get(name) ?? [])
    const all = varying.length > 0 && varying.every((value) => now(value).type === 'float16')
    return all && fixed.every(fits) ? 'float16' : 'float32'
  }

  for (const node of graph.nodes) {
    const width = widthOf(node)
    const numbers = carried(node)
    const inputs = node.inputs.map((value) => (numbers(value) ? inWidth(value, width) : value))
    const outputs = node.outputs.map((value) =>
      value.type === 'float32' ? { ...value, type: width } : value,
    )
    nodes.push({ ...node, inputs, outputs })
    for (const value of outputs) current.set(value.name, value)
    if (!settling.has(node.operator)) continue
    const [settled] = node.outputs as [Value]
    current.set(settled.name, inWidth(settled, 'float16'))
  }
  const used = new Set(nodes.flatMap(({ inputs }) => inputs.map(({ name }) => name)))
  const initializers = [...graph.initializers, ...halves].filter(({ value }) => used.has(value.name))
  return { ...graph, nodes, initializers }
}

/** Which inputs of a node have the width of its arithmetic: those of numbers, but for the factors of a `Resize`. */
function carried({ operator, inputs }: GraphNode): (value: Value) => boolean {
  return (value) =>
    value.type === 'float32' && value.name !== '' && (operator !== 'Resize' || value === inputs[0])
}

function convolutionWidth(filter: Value, constants: ReadonlyMap<string, Initializer>): Width {
  const constant = constants.get(filter.name)
  return !constant || constant.turned || (filter.shape[0] as number) < fewestChannels ? 'float32' : 'float16'
}

/** Whether float16 will do for a constant. That of a weight is looked at when it is read. */
function fits({ label, read }: Initializer): boolean {
  if (label !== undefined) return true
  return (read() as Float32Array).every((v) => v === 0 || (Math.abs(v) >= least && Math.abs(v) <= most))
}

const castNode = (value: Value, to: Value): GraphNode => ({
  operator: 'Cast',
  domain: '',
  inputs: [value],
  outputs: [to],
  attributes: { to: typeCodes[to.type] },
})
