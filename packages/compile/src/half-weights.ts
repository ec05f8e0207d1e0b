/** Weights of half the size. */
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
    const { value, label, read } = initializer
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
    return { value: half, label, read: () => toHalf(read() as Float32Array, label) }
  })
  const nodes = graph.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((value) => renamed.get(value.name) ?? value),
  }))
  return { ...graph, nodes: [...casts, ...nodes], initializers }
}

/** The bits of the float16 that are nearest, ties to even. */
export function toHalf(values: Float32Array, name: string): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const result = new Uint16Array(values.length)
  for (let i = 0; i < result.length; i++) {
    const all = bits[i] as number
    const sign = (all >>> 16) & 0x8000
    const magnitude = all & 0x7fffffff
    if (magnitude >= 0x477ff000) {
      throw new WeightRangeError({ weight: name, value: values[i] as number })
    }
    // from 2⁻¹⁴ on the exponent moves by 127 − 15 and 13 bits are rounded off; below, all numbers are multiples of 2⁻²⁴
    const rounded =
      magnitude >= 0x38800000
        ? (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13
        : nearestEven(Math.abs(values[i] as number) * 2 ** 24)
    result[i] = sign | rounded
  }
  return result
}

function nearestEven(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  if (rest === 0.5) return below + (below & 1)
  return rest < 0.5 ? below : below + 1
}
