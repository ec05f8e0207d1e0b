/**
 * Graphs in ONNX's own operators, for runtimes other than ONNX Runtime and for the checker of ONNX. ONNX Runtime finds its
 * extensions in them again: x · σ(x) and products of transposed matrices run as fast as before.
 */
import { NonstandardOperatorError } from './errors.ts'
import type { Attribute, Graph, GraphNode, Value } from './graph.ts'
import { nameMaker } from './graph-names.ts'

/** @throws NonstandardOperatorError for an extension that has no other form here. */
export function standardOperators(graph: Graph): Graph {
  const unused = nameMaker(graph)
  const turned = new Map<string, Value>()
  const nodes: GraphNode[] = []
  const constants = new Map<string, { value: Value; number: number }>()

  const add = (operator: string, inputs: readonly Value[], output: Value, attributes = {}): Value => {
    nodes.push({ operator, domain: '', inputs, outputs: [output], attributes })
    return output
  }
  const like = (value: Value, suffix: string, shape = value.shape): Value => ({
    name: unused(`${value.name} ${suffix}`),
    type: value.type,
    shape,
  })
  const scalar = (number: number): Value => {
    const known = constants.get(`${number}`)
    const value: Value = known?.value ?? { name: unused(`scalar ${number}`), type: 'float32', shape: [] }
    constants.set(`${number}`, { value, number })
    return value
  }
  /** x with its last two axes exchanged; made once. */
  const transposed = (x: Value): Value => {
    const found = turned.get(x.name)
    if (found) return found
    const axes = x.shape.map((_, axis) => axis)
    const order = [...axes.slice(0, -2), axes.length - 1, axes.length - 2]
    const shape = order.map((axis) => x.shape[axis] as number)
    const value = add('Transpose', [x], like(x, 'transposed', shape), { perm: order })
    turned.set(x.name, value)
    return value
  }

  const forms: Readonly<Record<string, (node: GraphNode) => void>> = {
    // x σ(αx)
    QuickGelu: ({ inputs, outputs, attributes }) => {
      const [x, y] = [inputs[0] as Value, outputs[0] as Value]
      const alpha = float(attributes.alpha, 1.702)
      const scaled = alpha === 1 ? x : add('Mul', [x, scalar(alpha)], like(y, 'scaled'))
      add('Mul', [x, add('Sigmoid', [scaled], like(y, 'gate'))], y)
    },
    // α · op(a) op(b)
    FusedMatMul: (node) => {
      const { inputs, outputs, attributes } = node
      if (attributes.transBatchA || attributes.transBatchB) throw nonstandard(node)
      const [a, b, y] = [inputs[0] as Value, inputs[1] as Value, outputs[0] as Value]
      const factors = [attributes.transA ? transposed(a) : a, attributes.transB ? transposed(b) : b]
      const alpha = float(attributes.alpha, 1)
      if (alpha === 1) add('MatMul', factors, y)
      else add('Mul', [add('MatMul', factors, like(y, 'unscaled')), scalar(alpha)], y)
    },
  }

  for (const node of graph.nodes) {
    if (node.domain === '') {
      nodes.push(node)
      continue
    }
    const form = forms[node.operator]
    if (!form) throw nonstandard(node)
    form(node)
  }
  const added = [...constants.values()].map(({ value, number }) => ({
    value,
    read: () => Float32Array.of(number),
  }))
  return { ...graph, nodes, initializers: [...graph.initializers, ...added] }
}

function float(attribute: Attribute | undefined, otherwise: number): number {
  return typeof attribute === 'object' && 'float' in attribute ? attribute.float : otherwise
}

function nonstandard({ operator, domain }: GraphNode) {
  return new NonstandardOperatorError({ operator: `${domain}.${operator}` })
}
