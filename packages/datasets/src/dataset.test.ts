import { expect, test } from 'vitest'
import { requireIndices } from './dataset.ts'

test('numbers of images are accepted, in any order and repeatedly', () => {
  expect(() => requireIndices([4, 0, 4], 5)).not.toThrow()
  expect(() => requireIndices([], 5)).not.toThrow()
})

test.each([[5], [-1], [0.5], [Number.NaN]])('%d is no number of one of five images', (index) => {
  expect(() => requireIndices([0, index], 5)).toThrow(
    expect.objectContaining({ name: 'DatasetRangeError', parameter: 'indices[1]', value: index }),
  )
})

test('the error says what is expected', () => {
  expect(() => requireIndices(Int32Array.of(7), 5)).toThrowErrorMatchingInlineSnapshot(
    `[DatasetRangeError: indices[0] is 7, expected an integer in [0, 5).]`,
  )
})
