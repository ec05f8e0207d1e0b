import { type Dtype, type DtypeArrays, elementCount } from './dtype.ts'

/**
 * The elements of a strided view in row-major order: element (i, j, …) is `stored[i · strides[0] + j · strides[1] + …]`.
 * A view that is row-major already is returned as it is.
 */
export function rowMajor<T extends DtypeArrays[Dtype]>(
  stored: T,
  shape: readonly number[],
  strides: readonly number[],
): T {
  const count = elementCount(shape) as number
  return isRowMajor(shape, strides, count) ? stored : gather(stored, shape, strides, count)
}

/** Strides of an array whose first axis varies fastest, as Fortran has them. */
export function fortranStrides(shape: readonly number[]): number[] {
  let stride = 1
  return shape.map((size) => {
    const own = stride
    stride *= size
    return own
  })
}

/** Whether a view is row-major already. */
export function isRowMajor(shape: readonly number[], strides: readonly number[], count: number): boolean {
  if (count === 0) return true
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] as number
    if (size !== 1 && strides[axis] !== expected) return false
    expected *= size
  }
  return true
}

/** Copies a strided view into row-major order, one run of the last axis at a time. */
function gather<T extends DtypeArrays[Dtype]>(
  stored: T,
  shape: readonly number[],
  strides: readonly number[],
  count: number,
): T {
  const result = new (stored.constructor as new (length: number) => T)(count)
  const last = shape.length - 1
  const run = shape[last] as number
  const step = strides[last] as number
  const position = new Array<number>(last).fill(0)
  let from = 0
  for (let to = 0; to < count; to += run) {
    for (let i = 0, at = from; i < run; i++, at += step) result[to + i] = stored[at] as T[number]
    for (let axis = last - 1; axis >= 0; axis--) {
      const next = (position[axis] as number) + 1
      from += strides[axis] as number
      if (next < (shape[axis] as number)) {
        position[axis] = next
        break
      }
      from -= next * (strides[axis] as number)
      position[axis] = 0
    }
  }
  return result
}
