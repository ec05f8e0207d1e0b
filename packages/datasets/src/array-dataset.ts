import { type Dataset, requireIndices } from './dataset.ts'
import { DatasetRangeError } from './errors.ts'
import { writeSignedUnit } from './pixels.ts'

const MOST_UNNAMED = 2 ** 16

/**
 * A data set of pixels that are in memory already, one byte each. The arrays are kept, not copied.
 *
 * @throws {DatasetRangeError} when sizes, labels and classes don't fit each other.
 * @example
 * const dataset = arrayDataset({ pixels, shape: [1000, 32, 32, 3], labels, classes: ['cat', 'dog'] })
 */
export function arrayDataset(options: {
  /** `[N, H, W, C]`, row by row, 0 to 255. */
  readonly pixels: Uint8Array
  readonly shape: readonly [number: number, height: number, width: number, channels: number]
  /** `[N]`. */
  readonly labels?: ArrayLike<number>
  /** Names of the labels 0, 1, …. @default their numbers, up to the largest there is, which is below 65536 */
  readonly classes?: readonly string[]
}): Dataset {
  const { pixels, shape } = options
  const [length, height, width, channels] = shape
  const size = height * width * channels
  if (!shape.every((n) => Number.isInteger(n) && n > 0) || pixels.length !== length * size) {
    throw new DatasetRangeError({
      parameter: 'pixels.length',
      value: pixels.length,
      expected: `${shape.join(' × ')} bytes, one or more`,
      advice: 'Give the shape as [number, height, width, channels], in positive integers.',
    })
  }
  const classes = options.labels ? (options.classes ?? namedByNumber(options.labels)) : []
  if (options.labels) requireLabels(options.labels, length, classes.length)
  const labels = options.labels && Int32Array.from(options.labels)
  return {
    length,
    shape: [height, width, channels],
    classes,
    read(indices) {
      requireIndices(indices, length)
      const images = new Float32Array(indices.length * size)
      for (let i = 0; i < indices.length; i++) {
        const start = (indices[i] as number) * size
        writeSignedUnit(pixels.subarray(start, start + size), images, i * size)
      }
      if (labels === undefined) return { images }
      return { images, labels: Int32Array.from(indices, (index) => labels[index] as number) }
    },
  }
}

/** Labels may come from a damaged file: one of two thousand million must not make as many names. */
function namedByNumber(labels: ArrayLike<number>): string[] {
  let largest = -1
  for (let i = 0; i < labels.length; i++) largest = Math.max(largest, labels[i] as number)
  return Array.from({ length: Math.min(largest + 1, MOST_UNNAMED) }, (_, label) => String(label))
}

function requireLabels(labels: ArrayLike<number>, length: number, classes: number): void {
  if (labels.length !== length) {
    throw new DatasetRangeError({
      parameter: 'labels.length',
      value: labels.length,
      expected: `${length}, one for each image`,
      advice: 'Take images and labels of one set.',
    })
  }
  for (let i = 0; i < length; i++) {
    const value = labels[i] as number
    if (Number.isInteger(value) && value >= 0 && value < classes) continue
    throw new DatasetRangeError({
      parameter: `labels[${i}]`,
      value,
      expected: `an integer in [0, ${classes}), the number of a class`,
      advice: 'Labels count from 0; name every class, in their order.',
    })
  }
}
