/**
 * Where the numbers of a constant come from: an array whose axes were put into another order. A constant that lies as its
 * array does need not be copied where the array is a part of a file.
 */
import { commonFactors, partition } from './factors.ts'
import type { Origin, SourceArray } from './graph.ts'

const axesOf = (shape: readonly number[]) => shape.map((_, axis) => axis)

/** An array whose axes come in the given order: axis i of the result is axis `order[i]`. */
export function originOf(
  array: SourceArray,
  shape: readonly number[],
  order: readonly number[] = axesOf(shape),
): Origin {
  const kept = axesOf(shape).filter((axis) => shape[axis] !== 1)
  return {
    array,
    shape: kept.map((axis) => shape[axis] as number),
    order: order.filter((axis) => shape[axis] !== 1).map((axis) => kept.indexOf(axis)),
  }
}

/**
 * The origin of what has the axes of a value in another order.
 *
 * @param shape of the value that has the origin.
 * @returns undefined where an axis of the value crosses borders of the array's axes, so that no order of axes tells it.
 */
export function transposedOrigin(
  { array, shape, order }: Origin,
  value: readonly number[],
  turned: readonly number[],
): Origin | undefined {
  const lengths = order.map((axis) => shape[axis] as number)
  const long = axesOf(value).filter((axis) => value[axis] !== 1)
  const named = long.map((axis) => value[axis] as number)
  const factors = commonFactors(lengths, named)
  const ofArray = factors && numbered(lengths, factors)
  const ofValue = factors && numbered(named, factors)
  if (!ofArray || !ofValue) return undefined
  // the factors in the order of the array
  const lying = axesOf(shape).flatMap((axis) => ofArray[order.indexOf(axis)] as readonly number[])
  return {
    array,
    shape: lying.map((factor) => factors[factor] as number),
    order: turned
      .filter((axis) => value[axis] !== 1)
      .flatMap((axis) => ofValue[long.indexOf(axis)] as readonly number[])
      .map((factor) => lying.indexOf(factor)),
  }
}

/** For each length the numbers of the factors that it is the product of. */
function numbered(lengths: readonly number[], factors: readonly number[]): number[][] | undefined {
  let next = 0
  return partition(lengths, factors)?.map((run) => run.map(() => next++))
}

/** Whether the numbers lie in the order of the array. */
export const isUntouched = ({ order }: Origin): boolean => order.every((axis, i) => axis === i)
