import { type ByteSource, nameOf, readBytes } from './byte-source.ts'
import { DatasetFormatError } from './errors.ts'
import { inflate, isGzip } from './inflate.ts'

/** An array as an IDX file holds it. */
export interface IdxArray {
  readonly shape: readonly number[]
  readonly data: Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array
}

interface IdxHeader {
  readonly type: number
  readonly shape: readonly number[]
  /** Bytes of the header. */
  readonly start: number
  /** Bytes of all elements. */
  readonly size: number
}

const ELEMENT_BYTES = new Map([
  [0x08, 1],
  [0x09, 1],
  [0x0b, 2],
  [0x0c, 4],
  [0x0d, 4],
  [0x0e, 8],
])
const LONGEST_HEADER = 4 + 4 * 255

/**
 * An array from a file in the format of MNIST, packed with gzip or not: two zero bytes, the type, the number of
 * dimensions, each dimension as a big-endian 32-bit number, then the elements in big-endian order.
 *
 * Memory is taken for bytes that are there, never for those that the header promises.
 *
 * @throws {DatasetFormatError} when the file is none, or does not have the bytes that its header tells of.
 * @throws {DatasetReadError} when the file cannot be read.
 */
export async function readIdx(
  source: ByteSource,
  options: { readonly maximumBytes?: number; readonly signal?: AbortSignal } = {},
): Promise<IdxArray> {
  const { maximumBytes = 2 ** 31, signal } = options
  const file = nameOf(source, 'IDX file')
  const stored = await readBytes(source, signal)
  const bytes = isGzip(stored) ? await unpack(file, stored, maximumBytes, signal) : stored
  const header = readHeader(file, bytes)
  requireSize(file, header, bytes.length)
  return { shape: header.shape, data: readElements(bytes, header) }
}

/**
 * The unpacked file, but not much more than its header announces. The header is unpacked first, by itself: that
 * costs little, and no file gets more memory than it admits to need.
 */
async function unpack(
  file: string,
  packed: Uint8Array,
  maximumBytes: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const first = await inflate(packed, 'gzip', { file, limit: LONGEST_HEADER, signal })
  const { start, size } = readHeader(file, first)
  const limit = start + size
  if (limit <= maximumBytes) return await inflate(packed, 'gzip', { file, limit, signal })
  throw new DatasetFormatError({
    file,
    problem: `it announces ${limit} bytes, more than the limit of ${maximumBytes}`,
    advice: 'Raise maximumBytes if you trust the file.',
  })
}

function readHeader(file: string, bytes: Uint8Array): IdxHeader {
  const fail = (problem: string): never => {
    throw new DatasetFormatError({
      file,
      problem,
      advice: 'IDX files begin with 00 00, a type from 08 to 0e, the number of dimensions and their sizes.',
    })
  }
  if (bytes.length < 4) return fail(`it has ${bytes.length} bytes, too few for the header of an IDX file`)
  const [zero0, zero1, type, dimensions] = bytes as unknown as [number, number, number, number]
  const elementBytes = ELEMENT_BYTES.get(type)
  if (zero0 !== 0 || zero1 !== 0 || elementBytes === undefined || dimensions === 0) {
    const begin = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
    return fail(`it begins with ${begin}, so it is no IDX file`)
  }
  const start = 4 + 4 * dimensions
  if (bytes.length < start) return fail(`it ends within the header, which has ${start} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, start)
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i))
  // Sizes may multiply to infinity, and that times 0 is no number.
  const size = shape.includes(0) ? 0 : shape.reduce((product, length) => product * length, elementBytes)
  return { type, shape, start, size }
}

function requireSize(file: string, { shape, start, size }: IdxHeader, length: number): void {
  if (length === start + size) return
  const follow = length > start + size ? 'more' : `only ${length - start}`
  throw new DatasetFormatError({
    file,
    problem: `its header announces ${shape.join(' × ')} elements, ${size} bytes, but ${follow} follow`,
    advice: 'The file is cut, or something was appended: get it anew.',
  })
}

function readElements(bytes: Uint8Array, { type, start, size }: IdxHeader): IdxArray['data'] {
  if (type === 0x08) return bytes.subarray(start)
  if (type === 0x09) return new Int8Array(bytes.buffer, bytes.byteOffset + start, size)
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, size)
  switch (type) {
    case 0x0b:
      return Int16Array.from({ length: size / 2 }, (_, i) => view.getInt16(2 * i))
    case 0x0c:
      return Int32Array.from({ length: size / 4 }, (_, i) => view.getInt32(4 * i))
    case 0x0d:
      return Float32Array.from({ length: size / 4 }, (_, i) => view.getFloat32(4 * i))
    default:
      return Float64Array.from({ length: size / 8 }, (_, i) => view.getFloat64(8 * i))
  }
}
