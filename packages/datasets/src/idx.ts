import { arrayDataset } from './array-dataset.ts'
import { type ByteSource, nameOf } from './byte-source.ts'
import type { Dataset } from './dataset.ts'
import { DatasetFormatError } from './errors.ts'
import { type IdxArray, readIdx } from './idx-file.ts'

/**
 * A data set in the format of MNIST: one file of images, `[N, H, W]` or `[N, H, W, C]` bytes, and one of labels.
 * Either may be packed with gzip. All of it is kept in memory, one byte a pixel.
 *
 * @throws {DatasetFormatError} when a file is damaged, or the two don't fit each other.
 * @throws {DatasetRangeError} when a label has no class.
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
  /** Names of the labels 0, 1, …. @default their numbers, up to the largest there is, which is below 65536 */
  readonly classes?: readonly string[]
  /** Largest size of an unpacked file, in bytes. @default 2147483648 */
  readonly maximumBytes?: number
  readonly signal?: AbortSignal
}): Promise<Dataset> {
  const { images, labels, classes, ...limits } = options
  const imageFile = nameOf(images, 'images')
  const { pixels, shape } = requirePixels(imageFile, await readIdx(images, limits))
  if (labels === undefined) return arrayDataset({ pixels, shape })
  const labelFile = nameOf(labels, 'labels')
  const numbers = requireLabels(labelFile, await readIdx(labels, limits), shape[0], imageFile)
  return arrayDataset({ pixels, shape, labels: numbers, ...(classes ? { classes } : {}) })
}

function requirePixels(
  file: string,
  array: IdxArray,
): { shape: [number, number, number, number]; pixels: Uint8Array } {
  const { shape, data } = array
  const [length = 0, height = 0, width = 0, channels = 1] = shape
  if (data instanceof Uint8Array && (shape.length === 3 || shape.length === 4) && data.length > 0) {
    return { shape: [length, height, width, channels], pixels: data }
  }
  throw new DatasetFormatError({
    file,
    problem: `it holds ${described(array)}, and no images`,
    advice: 'Images are bytes in 3 dimensions (number, height, width) or 4 (and channels).',
  })
}

function requireLabels(file: string, array: IdxArray, length: number, imageFile: string): IdxArray['data'] {
  const { shape, data } = array
  if (shape.length !== 1 || data instanceof Float32Array || data instanceof Float64Array) {
    throw new DatasetFormatError({
      file,
      problem: `it holds ${described(array)}, and no labels`,
      advice: 'Labels are whole numbers in one dimension. Were the two files swapped?',
    })
  }
  if (shape[0] === length) return data
  throw new DatasetFormatError({
    file,
    problem: `it has ${shape[0]} labels, but ${imageFile} has ${length} images`,
    advice: 'Take both files of one set: training images with training labels.',
  })
}

function described({ shape, data }: IdxArray): string {
  const kind = data instanceof Uint8Array ? 'bytes' : `numbers (${data.constructor.name})`
  return `${shape.join(' × ')} ${kind}`
}
