import { expect, test } from 'vitest'
import { arrayDataset } from './array-dataset.ts'

const pixels = Uint8Array.of(0, 255, 51, 102, 153, 204)

test('images come in the order asked for, as often as asked for, in [−1, 1]', () => {
  const dataset = arrayDataset({ pixels, shape: [3, 1, 2, 1], labels: [2, 0, 1] })
  expect(dataset.length).toBe(3)
  expect(dataset.shape).toEqual([1, 2, 1])
  const { images, labels } = dataset.read([2, 0, 2]) as { images: Float32Array; labels: Int32Array }
  const expected = [153, 204, 0, 255, 153, 204].map((byte) => Math.fround(byte / 127.5 - 1))
  expect([...images]).toEqual(expected)
  expect([...labels]).toEqual([1, 2, 1])
})

test('what was read belongs to the reader', () => {
  const dataset = arrayDataset({ pixels, shape: [3, 1, 2, 1] })
  const { images } = dataset.read([0]) as { images: Float32Array }
  images.fill(9)
  expect(dataset.read([0])).toEqual({ images: Float32Array.of(-1, 1) })
})

test('without labels there are no classes, and reading gives no labels', () => {
  const dataset = arrayDataset({ pixels, shape: [3, 1, 2, 1] })
  expect(dataset.classes).toEqual([])
  expect(dataset.read([0])).not.toHaveProperty('labels')
})

test('classes are named by number unless they are named', () => {
  expect(arrayDataset({ pixels, shape: [2, 1, 3, 1], labels: [0, 3] }).classes).toEqual(['0', '1', '2', '3'])
  const named = arrayDataset({ pixels, shape: [2, 1, 3, 1], labels: [0, 1], classes: ['cat', 'dog', 'owl'] })
  expect(named.classes).toEqual(['cat', 'dog', 'owl'])
})

test.each([
  [[3, 1, 2, 3]],
  [[3, 1, 1, 1]],
  [[0, 1, 2, 1]],
  [[-3, -1, 2, 1]],
  [[1.5, 4, 1, 1]],
  [[Number.NaN, 1, 2, 1]],
] as [[number, number, number, number]][])('pixels of shape %o are refused', (shape) => {
  expect(() => arrayDataset({ pixels, shape })).toThrow(
    expect.objectContaining({ name: 'DatasetRangeError', parameter: 'pixels.length', value: 6 }),
  )
})

test('an empty data set is refused', () => {
  expect(() => arrayDataset({ pixels: new Uint8Array(), shape: [0, 1, 2, 1] })).toThrow(
    'pixels.length is 0, expected 0 × 1 × 2 × 1 bytes, one or more.',
  )
})

test('labels that are too few, no classes or no integers are refused', () => {
  const make =
    (labels: number[], classes?: string[]): (() => unknown) =>
    () =>
      arrayDataset({ pixels, shape: [3, 1, 2, 1], labels, ...(classes ? { classes } : {}) })
  expect(make([0, 1])).toThrowErrorMatchingInlineSnapshot(
    `[DatasetRangeError: labels.length is 2, expected 3, one for each image.]`,
  )
  expect(make([0, 1, 2], ['a', 'b'])).toThrowErrorMatchingInlineSnapshot(
    `[DatasetRangeError: labels[2] is 2, expected an integer in [0, 2), the number of a class.]`,
  )
  expect(make([0, -1, 2])).toThrowErrorMatchingInlineSnapshot(
    `[DatasetRangeError: labels[1] is -1, expected an integer in [0, 3), the number of a class.]`,
  )
  expect(make([0, 1.5, 2])).toThrow(expect.objectContaining({ parameter: 'labels[1]', value: 1.5 }))
  expect(make([0, Number.NaN, 2])).toThrow(expect.objectContaining({ name: 'DatasetRangeError' }))
})

test('a label of two thousand million makes an error and not as many names', () => {
  expect(() => arrayDataset({ pixels, shape: [3, 1, 2, 1], labels: [0, 1, 2 ** 31 - 1] })).toThrow(
    'labels[2] is 2147483647, expected an integer in [0, 65536), the number of a class.',
  )
})
