import type { ElementArray, GraphBuilder, Value } from '../graph.ts'
import type { Operand } from '../recording-backend.ts'
import { arrange } from '../view.ts'

/** A filter `[H, W, in, out]` as `[in, out, H, W]`, turned by half a turn: that of a convolution's gradient. */
export function turnedFilter(graph: GraphBuilder, filter: Operand): Value {
  const [height, width, from, to] = filter.shape as [number, number, number, number]
  const shape = [from, to, height, width]
  const weight = arrange(graph, filter.view, [[2], [3], [0], [1]])
  const constant = graph.constantOf(weight)
  if (constant) {
    const { label, read } = constant
    const name = label && `${label}.turned`
    return graph.initializer(
      `${weight.name} turned`,
      { type: weight.type, shape, label: name, turned: true },
      () => turn(read(), height * width),
    )
  }
  const list = (entry: number) => graph.integers([entry, entry])
  const slice = [list(-1), list(-(2 ** 31)), graph.integers([2, 3]), list(-1)]
  return graph.node('Slice', [weight, ...slice], { shape })
}

/** Each run of `size` numbers back to front. */
function turn<T extends ElementArray>(data: T, size: number): T {
  const result = data.slice() as T
  for (let start = 0; start < result.length; start += size) result.subarray(start, start + size).reverse()
  return result
}
