/** Graphs for a provider whose convolution is wrong for some numbers of channels. */
import type { Graph, GraphNode, Initializer, Value } from './graph.ts'

/**
 * The same graph, where what a convolution multiplies has zeros as further channels if it has 6, 9, 15, … of them: multiples
 * of three and not of four. ONNX Runtime's WebGPU provider (1.30) reads those three at a time and mixes the taps up, where
 * the output has a multiple of four.
 */
export function paddedChannels(graph: Graph): Graph {
  const initializers = [...graph.initializers]
  const nodes = graph.nodes.flatMap((node) =>
    node.operator === 'Conv' && isWrong(channelsOf(node)) ? padded(node, initializers) : [node],
  )
  return { ...graph, nodes, initializers }
}

const channelsOf = ({ inputs }: GraphNode) => (inputs[0] as Value).shape[1] as number

const isWrong = (channels: number) => channels > 3 && channels % 3 === 0 && channels % 4 !== 0

/** The node behind two that add zeros to the image and to the filter. */
function padded(node: GraphNode, initializers: Initializer[]): GraphNode[] {
  const [image, filter, ...bias] = node.inputs as [Value, Value, ...Value[]]
  const more = 4 - (channelsOf(node) % 4)
  const name = node.outputs[0]?.name
  const amounts: Value = { name: `${name}/more`, type: 'int64', shape: [8] }
  initializers.push({
    value: amounts,
    read: () => BigInt64Array.of(0n, 0n, 0n, 0n, 0n, BigInt(more), 0n, 0n),
  })
  const pads = [image, filter].map((value, i): GraphNode => {
    const wider = {
      ...value,
      name: `${name}/wide${i}`,
      shape: value.shape.with(1, channelsOf(node) + more),
    }
    return { operator: 'Pad', domain: '', inputs: [value, amounts], outputs: [wider], attributes: {} }
  })
  const wide = pads.map(({ outputs }) => outputs[0] as Value)
  return [...pads, { ...node, inputs: [...wide, ...bias] }]
}
