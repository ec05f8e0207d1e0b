import { listFiles, loadDecoder } from '#platform'
import { readBytes } from './byte-source.ts'
import { centreCrop } from './centre-crop.ts'
import { type Dataset, requireIndices } from './dataset.ts'
import {
  DatasetFormatError,
  DatasetRangeError,
  DatasetReadError,
  FolderLayoutError,
  UnsupportedRuntimeError,
} from './errors.ts'
import { type FolderClasses, labelFiles } from './folder-classes.ts'
import { imageFormat } from './image-format.ts'
import { luminance, type Picture } from './picture.ts'
import { writeSignedUnit } from './pixels.ts'
import { readPng } from './png.ts'

const EXTENSION = /\.(png|jpe?g|webp)$/i
/** Files that are decoded at the same time: enough for all cores to work, few enough for large photographs. */
const AT_ONCE = 8

/**
 * The PNG, JPEG and WebP images below a folder, each cut to the largest square in its middle and brought to one size.
 *
 * Files are decoded when they are read, every time; only their names are kept in memory. JPEG and WebP need the
 * package `sharp`.
 *
 * @throws {FolderLayoutError} when there are no images, or classes cannot be told from their names.
 * @throws {DecoderMissingError} when there are JPEG or WebP files, and no `sharp`.
 * @throws {DatasetReadError} when the folder cannot be read; later, from `read`, when a file cannot.
 * @throws {DatasetFormatError} from `read`, when a file is damaged.
 * @example
 * const cats = await imageFolder('cats/', { size: 64 })
 */
export async function imageFolder(
  folder: string,
  options: {
    /** Height and width that the images are brought to, in pixels. */
    readonly size: number
    /** 3 for colour, 1 for brightness alone. @default 3 */
    readonly channels?: 1 | 3
    /**
     * Where classes come from: `'folders'` is the first folder of a path, `'prefixes'` what comes before the first `_`
     * of a file's name. @default the one of both that all images have, 'folders' first, or 'none' if no image has any
     */
    readonly classes?: FolderClasses
    /** Images with more pixels are refused. @default 67108864 */
    readonly maximumPixels?: number
    readonly signal?: AbortSignal
  },
): Promise<Dataset> {
  const { size, channels = 3, maximumPixels = 2 ** 26, signal } = options
  requireSize(size, channels)
  const files = (await filesOf(folder, signal)).filter((file) => EXTENSION.test(file)).sort()
  if (files.length === 0) {
    throw new FolderLayoutError({
      folder,
      problem: 'there are no images in it',
      advice: 'Images are files named *.png, *.jpg, *.jpeg or *.webp, in the folder or below it.',
    })
  }
  const pathOf = (file: string): string => `${folder.replace(/\/+$/, '')}/${file}`
  const compressed = files.find((file) => !/\.png$/i.test(file))
  if (compressed !== undefined) await loadDecoder(pathOf(compressed))
  const { classes, labels } = labelFiles(folder, files, options.classes)

  const pixelsOf = async (index: number, signal: AbortSignal | undefined): Promise<Uint8Array> => {
    const picture = centreCrop(await decode(pathOf(files[index] as string), maximumPixels, signal), size)
    return channels === 1 ? luminance(picture.pixels) : picture.pixels
  }

  return {
    length: files.length,
    shape: [size, size, channels],
    classes,
    async read(indices, { signal } = {}) {
      requireIndices(indices, files.length)
      const pixels = size * size * channels
      const images = new Float32Array(indices.length * pixels)
      await eachOf(indices, async (index, i) =>
        writeSignedUnit(await pixelsOf(index, signal), images, i * pixels),
      )
      if (labels === undefined) return { images }
      return { images, labels: Int32Array.from(indices, (index) => labels[index] as number) }
    },
  }
}

async function filesOf(folder: string, signal: AbortSignal | undefined): Promise<string[]> {
  try {
    return await listFiles(folder, signal)
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof UnsupportedRuntimeError) throw cause
    throw new DatasetReadError({
      file: folder,
      problem: cause instanceof Error ? cause.message : String(cause),
      advice: 'Give the path of a folder that may be read.',
      cause,
    })
  }
}

async function decode(
  file: string,
  maximumPixels: number,
  signal: AbortSignal | undefined,
): Promise<Picture> {
  const bytes = await readBytes(file, signal)
  const format = imageFormat(bytes)
  if (format === 'png') return await readPng(bytes, { file, maximumPixels, signal })
  if (format === undefined) {
    throw new DatasetFormatError({
      file,
      problem: 'it is neither a PNG nor a JPEG nor a WebP image',
      advice: 'The image is damaged, or named as what it is not: replace it or take it out.',
    })
  }
  const decodeCompressed = await loadDecoder(file)
  return await decodeCompressed(bytes, maximumPixels)
}

function requireSize(size: number, channels: number): void {
  if (!Number.isInteger(size) || size < 1) {
    throw new DatasetRangeError({
      parameter: 'size',
      value: size,
      expected: 'a positive integer',
      advice: 'Give the height and width in pixels, such as 64.',
    })
  }
  if (channels !== 1 && channels !== 3) {
    throw new DatasetRangeError({
      parameter: 'channels',
      value: channels,
      expected: '1 or 3',
      advice: 'Brightness has 1 channel, colour 3.',
    })
  }
}

/** Runs a task for every number, several at a time, and ends early when one fails. */
async function eachOf(
  numbers: ArrayLike<number>,
  task: (value: number, position: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < numbers.length) {
      const position = next++
      try {
        await task(numbers[position] as number, position)
      } catch (error) {
        next = numbers.length
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, numbers.length) }, work))
}
