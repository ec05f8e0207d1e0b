import { type ElementArray, sizeOf } from './graph.ts'

/** An array's axes in another order: axis i of the result is axis `order[i]` of the array. */
export function permute<T extends ElementArray>(
  data: T,
  shape: readonly number[],
  order: readonly number[],
): T {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)))
  const result = data.slice() as T
  const lengths = order.map((axis) => shape[axis] as number)
  const steps = order.map((axis) => strides[axis] as number)
  const last = lengths.length - 1
  const [length = 1, step = 1] = [lengths[last], steps[last]]
  const position = new Array<number>(Math.max(0, last)).fill(0)
  let from = 0
  for (let to = 0; to < result.length; ) {
    for (let i = 0, source = from; i < length; i++, source += step) result[to++] = data[source] as never
    for (let axis = last - 1; axis >= 0; axis--) {
      from += steps[axis] as number
      position[axis] = (position[axis] as number) + 1
      if ((position[axis] as number) < (lengths[axis] as number)) break
      from -= (steps[axis] as number) * (lengths[axis] as number)
      position[axis] = 0
    }
  }
  return result
}
