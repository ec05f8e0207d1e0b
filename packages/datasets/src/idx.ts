import { type ByteSource, nameOf } from './byte-source.ts'
import type { Dataset } from './dataset.ts'
import { DatasetFormatError } from './errors.ts'
import { type IdxArray, readIdx } from './idx-file.ts'
import { writeSignedUnit } from './pixels.ts'

/**
 * A data set in the format of MNIST: one file of images, `[N, H, W]` or `[N, H, W, C]` bytes, and one of labels.
 * Either may be packed with gzip. All of it is kept in memory, one byte a pixel.
 *
 * @throws {DatasetFormatError} when a file is damaged, or the two don't fit each other.
 * @throws {DatasetReadError} when a file cannot be read.
 * @example
 * const dataset = await idx({
 *   images: 'train-images-idx3-ubyte.gz',
 *   labels: 'train-labels-idx1-ubyte.gz',
 * })
 */
export async function idx(options: {
  readonly images: ByteSource
  readonly labels?: ByteSource
  /** Names of the labels 0, 1, …. @default their numbers */
  readonly classes?: readonly string[]
  readonly signal?: AbortSignal
}): Promise<Dataset> {
  const { images, labels, classes, signal } = options
  const imageFile = nameOf(images, 'images')
  const pixels = requirePixels(imageFile, await readIdx(images, { signal }))
  const [length, ...shape] = pixels.shape
  if (labels === undefined) return inMemory({ pixels: pixels.data, length, shape, classes: [] })
  const labelFile = nameOf(labels, 'labels')
  const numbers = requireLabels(labelFile, await readIdx(labels, { signal }), length, imageFile)
  const largest = numbers.reduce((max, label) => Math.max(max, label), -1)
  const names = classes ?? Array.from({ length: largest + 1 }, (_, label) => String(label))
  if (largest >= names.length) {
    throw new DatasetFormatError({
      file: labelFile,
      problem: `it has the label ${largest}, but there are names for ${names.length} classes`,
      advice: 'Name every class, in the order of the labels.',
    })
  }
  return inMemory({ pixels: pixels.data, length, shape, classes: names, labels: numbers })
}

interface InMemory {
  readonly pixels: Uint8Array
  readonly length: number
  readonly shape: readonly [number, number, number]
  readonly classes: readonly string[]
  readonly labels?: Int32Array
}

function inMemory({ pixels, length, shape, classes, labels }: InMemory): Dataset {
  const size = shape[0] * shape[1] * shape[2]
  return {
    length,
    shape,
    classes,
    read(indices) {
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

function requirePixels(
  file: string,
  { shape, data }: IdxArray,
): { shape: [number, number, number, number]; data: Uint8Array } {
  const [length = 0, height = 0, width = 0, channels = 1] = shape
  const dimensions = shape.length
  if (data instanceof Uint8Array && (dimensions === 3 || dimensions === 4) && data.length > 0) {
    return { shape: [length, height, width, channels], data }
  }
  throw new DatasetFormatError({
    file,
    problem: `it holds ${shape.join(' × ')} elements of ${data.constructor.name}, and no images`,
    advice: 'Images are bytes in 3 dimensions (number, height, width) or 4 (and channels).',
  })
}

function requireLabels(
  file: string,
  { shape, data }: IdxArray,
  length: number,
  imageFile: string,
): Int32Array {
  const fail = (problem: string, advice: string): never => {
    throw new DatasetFormatError({ file, problem, advice })
  }
  if (shape.length !== 1 || data instanceof Float32Array || data instanceof Float64Array) {
    return fail(
      `it holds ${shape.join(' × ')} elements of ${data.constructor.name}, and no labels`,
      'Labels are whole numbers in one dimension. Were the two files swapped?',
    )
  }
  if (shape[0] !== length) {
    return fail(
      `it has ${shape[0]} labels for the ${length} images of ${imageFile}`,
      'Take both files of one set.',
    )
  }
  const negative = data.findIndex((label) => label < 0)
  if (negative >= 0) return fail(`label ${negative} is ${data[negative]}`, 'Labels count from 0.')
  return Int32Array.from(data)
}
