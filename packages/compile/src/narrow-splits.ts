/** Graphs for devices that bind few buffers to one program. */
import type { Graph, GraphNode, Initializer, Value } from './graph.ts'

/**
 * The same graph, where no `Split` has more outputs than this: it is split into groups first. ONNX Runtime's WebGPU provider
 * makes one program of a `Split` with one buffer for each output, and browsers allow about ten.
 */
export function narrowSplits(graph: Graph, most: number): Graph {
  const initializers = [...graph.initializers]
  const nodes = graph.nodes.flatMap((node) =>
    node.operator === 'Split' && node.outputs.length > most
      ? split(node, node.inputs[0] as Value, node.outputs, most, initializers)
      : [node],
  )
  return { ...graph, nodes, initializers }
}

/** Splits like the node's; the lengths of their outputs are added to the initializers. */
function split(
  node: GraphNode,
  value: Value,
  outputs: readonly Value[],
  most: number,
  initializers: Initializer[],
): GraphNode[] {
  const axis = node.attributes.axis as number
  const lengthOf = ({ shape }: Value) => shape[axis] as number
  const first = outputs[0]?.name
  if (outputs.length <= most) {
    const lengths: Value = { name: `${first}/lengths`, type: 'int64', shape: [outputs.length] }
    initializers.push({ value: lengths, read: () => BigInt64Array.from(outputs.map(lengthOf), BigInt) })
    return [{ ...node, inputs: [value, lengths], outputs }]
  }
  const groups: (readonly Value[])[] = []
  for (let at = 0; at < outputs.length; at += most) groups.push(outputs.slice(at, at + most))
  const parts = groups.map((group, i): Value => {
    const length = group.reduce((sum, output) => sum + lengthOf(output), 0)
    return { name: `${first}/part${i}`, type: value.type, shape: value.shape.with(axis, length) }
  })
  return [
    ...split(node, value, parts, most, initializers),
    ...parts.flatMap((part, i) => split(node, part, groups[i] as readonly Value[], most, initializers)),
  ]
}
