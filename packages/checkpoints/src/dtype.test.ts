import { expect, test } from 'vitest'
import { swapBytes } from './byte-order.ts'
import { bytesOf, dtypeBytes, dtypes, elementCount, elementsOf, holdsDtype, isFloating } from './dtype.ts'

test.each(dtypes)('%s: bytes are read as its elements, copied only where they are not aligned', (dtype) => {
  const size = dtypeBytes(dtype)
  const memory = Uint8Array.from({ length: 40 }, (_, i) => i)
  const aligned = elementsOf(dtype, memory.subarray(8, 24))
  expect(aligned.length).toBe(16 / size)
  expect(aligned.buffer).toBe(memory.buffer)
  expect(holdsDtype(aligned, dtype)).toBe(true)
  const shifted = elementsOf(dtype, memory.subarray(9, 25))
  expect([...bytesOf(shifted)]).toEqual([...memory.subarray(9, 25)])
  if (size > 1) expect(shifted.buffer).not.toBe(memory.buffer)
})

test('four dtypes are floats', () => {
  expect(dtypes.filter(isFloating)).toEqual(['float64', 'float32', 'float16', 'bfloat16'])
  expect(dtypes).toHaveLength(13)
})

test.each([
  [[], 1],
  [[0], 0],
  [[2 ** 40, 2 ** 40, 0], 0],
  [[2, 3, 4], 24],
  [[2 ** 27, 2 ** 27], undefined],
  [[-1], undefined],
  [[1.5], undefined],
  [[Number.NaN], undefined],
])('the shape %j has %s elements', (shape, count) => {
  expect(elementCount(shape)).toBe(count)
})

test.each([1, 2, 4, 8] as const)('elements of %s bytes are turned around, and back', (size) => {
  const bytes = Uint8Array.from({ length: 16 }, (_, i) => i)
  const turned = bytes.slice()
  swapBytes(turned, size)
  const expected = Array.from({ length: 16 / size }, (_, i) =>
    [...bytes.subarray(i * size, (i + 1) * size)].reverse(),
  )
  expect([...turned]).toEqual(expected.flat())
  swapBytes(turned, size)
  expect(turned).toEqual(bytes)
})
