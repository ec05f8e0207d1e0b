/** Graphs for devices that bind few buffers to one program. */
import type { Graph, GraphNode, Initializer, Value } from './graph.ts'

/**
 * The same graph, where no `Split` has more outputs than this: it is split into groups first. ONNX Runtime's WebGPU provider
 * makes one program of a `Split` with one buffer for each output, and browsers allow about ten.
 */
export function narrowSplits(graph: Graph, most: number): Graph {
  const initializers = [...graph.initializers]
  const nodes = graph.nodes.flatMap((node) =>
    node.operator === 'Split' && node.outputs.length > most ? inGroups(node, most, initializers) : [node],
  )
  return { ...graph, nodes, initializers }
}

/** Adds the sizes of the new nodes to the initializers. */
function inGroups(node: GraphNode, most: number, initializers: Initializer[]): GraphNode[] {
  const { operator, domain, attributes } = node
  const [value] = node.inputs as [Value]
  const axis = attributes.axis as number
  const lengths = node.outputs.map(({ shape }) => shape[axis] as number)
  const parts: { value: Value; outputs: Value[]; lengths: number[] }[] = []
  for (let at = 0; at < node.outputs.length; at += most) {
    const own = lengths.slice(at, at + most)
    const shape = value.shape.with(
      axis,
      own.reduce((sum, length) => sum + length, 0),
    )
    const name = `${node.outputs[0]?.name}/part${at / most}`
    parts.push({
      value: { name, type: value.type, shape },
      outputs: node.outputs.slice(at, at + most),
      lengths: own,
    })
  }
  const split = (from: Value, outputs: readonly Value[], sizes: readonly number[]): GraphNode => {
    const read = () => BigInt64Array.from(sizes, BigInt)
    const given: Value = { name: `${outputs[0]?.name}/sizes`, type: 'int64', shape: [sizes.length] }
    initializers.push({ value: given, read })
    return { operator, domain, inputs: [from, given], outputs, attributes }
  }
  const first = split(
    value,
    parts.map((part) => part.value),
    parts.map(({ value: { shape } }) => shape[axis] as number),
  )
  const rest = parts.map((part) => split(part.value, part.outputs, part.lengths))
  return [...(parts.length > most ? inGroups(first, most, initializers) : [first]), ...rest]
}
