/** Weights of half the size. */
import { float32ToFloat16 } from '@guided-diffusion/checkpoints'
import { WeightRangeError } from './errors.ts'
import { type Graph, type Initializer, sizeOf, typeCodes, type Value } from './graph.ts'
import { nameMaker } from './graph-names.ts'

/** Weights with fewer numbers stay as they are: they are no burden, and sums and scales among them. */
const smallest = 256

/**
 * The graph with its weights as float16, 11 bits of a number's 24. It computes in float32 as before: a Cast stands behind
 * each weight, which a runtime may do once, when it opens the file.
 *
 * @throws WeightRangeError, when a weight is read, for numbers beyond ±65504.
 */
export function halfWeights(graph: Graph): Graph {
  const unused = nameMaker(graph)
  const renamed = new Map<string, Value>()
  const casts: Graph['nodes'][number][] = []
  const initializers = graph.initializers.map((initializer): Initializer => {
    const { value, label } = initializer
    if (label === undefined || value.type !== 'float32' || sizeOf(value.shape) < smallest) return initializer
    const half: Value = { ...value, type: 'float16' }
    const full: Value = { ...value, name: unused(`${value.name} as float32`) }
    renamed.set(value.name, full)
    casts.push({
      operator: 'Cast',
      domain: '',
      inputs: [half],
      outputs: [full],
      attributes: { to: typeCodes.float32 },
    })
    return halfConstant(initializer, half)
  })
  const nodes = graph.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((value) => renamed.get(value.name) ?? value),
  }))
  return { ...graph, nodes: [...casts, ...nodes], initializers }
}

/** Infinity and NaN, without the sign. */
const beyond = 0x7c00

/** A constant as float16; one that lies so in a file, and is used as it lies, stays there. */
export function halfConstant({ value, label, origin, read }: Initializer, half: Value): Initializer {
  const array = origin?.array.half
  return {
    value: half,
    label,
    origin: origin && array && { ...origin, array },
    read: () => float16InRange(read() as Float32Array, label ?? value.name),
  }
}

/** The bits of the numbers as float16. @throws WeightRangeError */
function float16InRange(values: Float32Array, weight: string): Uint16Array {
  const halves = float32ToFloat16(values)
  const at = halves.findIndex((bits) => (bits & 0x7fff) >= beyond)
  if (at >= 0) throw new WeightRangeError({ weight, value: values[at] as number })
  return halves
}
