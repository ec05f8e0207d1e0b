import { expect, test } from 'vitest'
import { fortranStrides, rowMajor } from './strided.ts'

/** Every index of a shape in row-major order. */
function* indices(shape: readonly number[]): Generator<number[]> {
  const [size, ...rest] = shape
  if (size === undefined) yield []
  else for (let i = 0; i < size; i++) for (const tail of indices(rest)) yield [i, ...tail]
}

const stored = Int32Array.from({ length: 512 }, (_, i) => i)
const positions = (shape: readonly number[], strides: readonly number[]) =>
  [...indices(shape)].map((index) => index.reduce((sum, i, axis) => sum + i * (strides[axis] as number), 0))

test.each([
  { shape: [], strides: [] },
  { shape: [5], strides: [3] },
  { shape: [4], strides: [0] },
  { shape: [2, 3], strides: [1, 2] },
  { shape: [3, 1, 4], strides: [4, 99, 1] },
  { shape: [2, 3, 4], strides: [0, 4, 1] },
  { shape: [2, 3, 4, 5], strides: [1, 2, 6, 24] },
  { shape: [4, 3, 2], strides: [7, 50, 13] },
  { shape: [0, 3], strides: [3, 1] },
  { shape: [3, 0], strides: [1, 9] },
])('shape $shape with strides $strides has the elements of the definition', ({ shape, strides }) => {
  const expected = positions(shape, strides)
  // as a reader calls it: from the first to the last element that the view touches
  const span = Math.max(0, ...expected.map((position) => position + 1))
  expect([...rowMajor(stored.subarray(0, span), shape, strides)]).toEqual(expected)
})

test('a view that is row-major already is not copied', () => {
  const six = stored.subarray(0, 6)
  expect(rowMajor(six, [2, 3], [3, 1])).toBe(six)
  expect(rowMajor(six, [2, 1, 3], [3, 77, 1])).toBe(six)
  expect(rowMajor(six, [2, 3], [1, 2])).not.toBe(six)
})

test('Fortran order is the transpose', () => {
  expect(fortranStrides([2, 3, 4])).toEqual([1, 2, 6])
  expect([...rowMajor(stored.subarray(0, 6), [2, 3], fortranStrides([2, 3]))]).toEqual([0, 2, 4, 1, 3, 5])
})

test.each([Float64Array, Float32Array, Uint16Array, Int8Array, BigInt64Array] as const)(
  '%s keeps its kind',
  (Kind) => {
    const values = new Kind(4)
    const turned = rowMajor(values, [2, 2], [1, 2])
    expect(turned).toBeInstanceOf(Kind)
    expect(turned).toHaveLength(4)
  },
)
