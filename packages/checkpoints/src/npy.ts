import { type ByteOrder, hostByteOrder, swapBytes } from './byte-order.ts'
import { bytesOf, type Dtype, dtypeBytes, elementCount, elementsOf } from './dtype.ts'
import { MalformedFileError, TruncatedFileError, UnsupportedFileError, WeightsValueError } from './errors.ts'
import { latin1 } from './pickle-bytes.ts'
import { fortranStrides, rowMajor } from './strided.ts'
import type { TensorInfo, WeightTensor } from './weights.ts'

/**
 * A .npy file is: `\x93NUMPY`, two bytes of version, the length of the header, the header as a Python dictionary in
 * text, and the elements.
 */

const firstBytes = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]

/** The longest header that is read, in bytes: far more than an array of plain numbers needs. */
const maxHeaderBytes = 2 ** 16

/** As many as numpy allows. */
const maxDimensions = 64

const codes: { readonly [D in Dtype]?: string } = {
  float64: 'f8',
  float32: 'f4',
  float16: 'f2',
  int64: 'i8',
  int32: 'i4',
  int16: 'i2',
  int8: 'i1',
  uint64: 'u8',
  uint32: 'u4',
  uint16: 'u2',
  uint8: 'u1',
  bool: 'b1',
}
const dtypeOfCode = new Map(Object.entries(codes).map(([dtype, code]) => [code, dtype as Dtype]))

export interface NpyHeader extends TensorInfo {
  readonly byteOrder: ByteOrder
  readonly fortranOrder: boolean
  /** Where the elements begin. */
  readonly start: number
}

/** Whether bytes begin as a .npy file does. */
export function isNpy(first: Uint8Array): boolean {
  return firstBytes.every((byte, index) => first[index] === byte)
}

/** The header, from the first bytes of a file of `size` bytes; the elements have to fill the rest exactly. */
export function parseNpyHeader(first: Uint8Array, source: string, size: number): NpyHeader {
  const fail = (problem: string): never => {
    throw new MalformedFileError({ source, format: '.npy', problems: [problem] })
  }
  if (!isNpy(first)) fail('it does not begin with the mark of the format')
  const view = new DataView(first.buffer, first.byteOffset, first.byteLength)
  const isShort = first[6] === 1
  const from = isShort ? 10 : 12
  if (size < from || first.length < from) throw truncated(source, size, from, 'its header')
  const version = view.getUint8(6)
  if (version < 1 || version > 3) fail(`its version is ${version}, expected 1 to 3`)
  const length = isShort ? view.getUint16(8, true) : view.getUint32(8, true)
  const start = from + length
  if (length > maxHeaderBytes) fail(`its header is ${length} bytes long`)
  if (start > size || start > first.length) throw truncated(source, size, start, 'its header')
  const { descr, fortran, shape } =
    parseDictionary(latin1(first.subarray(from, start))) ?? fail('its header is unreadable')
  const [, order, code] =
    /^([<>|=])(\w+)$/.exec(descr) ?? fail(`its dtype is ${JSON.stringify(descr.slice(0, 40))}`)
  const dtype = dtypeOfCode.get(code as string)
  if (!dtype) {
    throw new UnsupportedFileError({
      source,
      features: [`the dtype ${JSON.stringify(descr.slice(0, 40))}`],
      advice: 'Save the array as floats, integers or bool.',
    })
  }
  if (shape.length > maxDimensions) fail(`it has ${shape.length} dimensions`)
  const count = elementCount(shape) ?? fail(`its shape is [${shape}]`)
  const bytes = count * dtypeBytes(dtype)
  if (start + bytes > size) throw truncated(source, size, start + bytes, `the shape [${shape}]`)
  if (start + bytes < size) fail(`${size - start - bytes} bytes at the end belong to no element`)
  return { dtype, shape, bytes, start, fortranOrder: fortran, byteOrder: order === '>' ? 'big' : 'little' }
}

function truncated(source: string, size: number, needed: number, what: string): TruncatedFileError {
  return new TruncatedFileError({ source, size, needed, what })
}

/** How many bytes from the start are enough for `parseNpyHeader`. */
export const npyHeaderBytes = 12 + maxHeaderBytes

function parseDictionary(text: string): { descr: string; fortran: boolean; shape: number[] } | undefined {
  const patterns = [
    /["']descr["']\s*:\s*["']([^"']*)["']/,
    /["']fortran_order["']\s*:\s*(True|False)/,
    /["']shape["']\s*:\s*\(((?:\s*\d+L?\s*(?:,|(?=\))))*)\s*\)/,
  ]
  const [descr, fortran, shape] = patterns.map((pattern) => pattern.exec(text)?.[1])
  const rest = patterns.reduce((left, pattern) => left.replace(pattern, ''), text)
  if (descr === undefined || fortran === undefined || shape === undefined) return undefined
  if (!/^\s*\{[\s,]*\}\s*$/.test(rest)) return undefined
  const sizes = shape.match(/\d+/g)?.map(Number) ?? []
  return { descr, fortran: fortran === 'True', shape: sizes }
}

/** The array of a file, from the bytes after its header. */
export function npyTensor(header: NpyHeader, bytes: Uint8Array): WeightTensor {
  const { dtype, shape, byteOrder, fortranOrder } = header
  let ordered = bytes
  if (byteOrder !== hostByteOrder && dtypeBytes(dtype) > 1) {
    ordered = new Uint8Array(bytes)
    swapBytes(ordered, dtypeBytes(dtype))
  }
  const stored = elementsOf(dtype, ordered)
  return {
    dtype,
    shape,
    data: fortranOrder ? rowMajor(stored, shape, fortranStrides(shape)) : stored,
  } as WeightTensor
}

/** Mark and header of a .npy file, padded so that the elements are aligned. */
export function npyHeader(name: string, { dtype, shape }: WeightTensor): Uint8Array<ArrayBuffer> {
  const code = codes[dtype]
  if (!code) {
    throw new WeightsValueError({
      problems: [`${name} is ${dtype}, which numpy does not have`],
      advice: 'Convert it to float32 first (convertFloats), or write safetensors.',
    })
  }
  const order = dtypeBytes(dtype) === 1 ? '|' : hostByteOrder === 'little' ? '<' : '>'
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': (${sizes}), }`
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10
  const header = new Uint8Array(10 + length).fill(0x20)
  header.set(firstBytes)
  header.set([1, 0, length & 255, length >> 8], 6)
  header.set(new TextEncoder().encode(text), 10)
  header[9 + length] = 0x0a
  return header
}

/** The bytes of a .npy file. */
export function writeNpy(tensor: WeightTensor): Uint8Array<ArrayBuffer> {
  const header = npyHeader('the array', tensor)
  const file = new Uint8Array(header.length + tensor.data.byteLength)
  file.set(header)
  file.set(bytesOf(tensor.data), header.length)
  return file
}
