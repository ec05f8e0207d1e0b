import { type Dtype, dtypeBytes, elementCount } from './dtype.ts'
import { MalformedFileError, TruncatedFileError } from './errors.ts'
import { repeatedKeys } from './json-keys.ts'
import { quoted } from './quoted-name.ts'
import type { TensorInfo } from './weights.ts'

/**
 * A safetensors file is: the header's length as a little-endian 64-bit integer, the header as JSON, the data.
 * The header maps each name to its dtype, shape and place in the data; `__metadata__` maps text to text.
 */

/** The format's own limit of a header's length, in bytes. */
export const maxHeaderBytes = 100_000_000

const dtypeNames: { readonly [D in Dtype]: string } = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
}
const dtypeOfName = new Map(Object.entries(dtypeNames).map(([dtype, name]) => [name, dtype as Dtype]))

/** The name that a header gives to a dtype. */
export function headerDtype(dtype: Dtype): string {
  return dtypeNames[dtype]
}

/** A tensor and the place of its bytes, counted from the start of the data. */
export interface SafetensorsEntry extends TensorInfo {
  readonly begin: number
}

export interface SafetensorsHeader {
  /** In the order of the data. */
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>
  readonly metadata: Readonly<Record<string, string>>
}

/** The length of the header, from the first eight bytes. */
export function headerLength(first: Uint8Array, source: string, size: number): number {
  if (size < 8) throw new TruncatedFileError({ source, size, needed: 8, what: 'a safetensors file' })
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true)
  if (length > maxHeaderBytes) {
    throw new MalformedFileError({
      source,
      format: 'safetensors',
      problems: [`its header is ${length} bytes long, the format allows ${maxHeaderBytes}`],
    })
  }
  const needed = 8 + Number(length)
  if (needed > size) throw new TruncatedFileError({ source, size, needed, what: 'its header' })
  return Number(length)
}

/** Reads and checks the whole header; `dataSize` is what the file has after it. */
export function parseHeader(bytes: Uint8Array, source: string, dataSize: number): SafetensorsHeader {
  const problems: string[] = []
  const fail = (): never => {
    throw new MalformedFileError({ source, format: 'safetensors', problems })
  }
  const header = parseJson(bytes, problems)
  if (!header) return fail()

  const metadata: Record<string, string> = Object.create(null)
  const entries: [string, SafetensorsEntry][] = []
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') readMetadata(value, metadata, problems)
    else {
      const entry = readEntry(name, value, problems)
      if (entry) entries.push([name, entry])
    }
  }
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.bytes - b.bytes)
  let end = 0
  let last = 'the header'
  for (const [name, { begin, bytes: size }] of entries) {
    if (begin < end) problems.push(`${quoted(name)} overlaps ${last}`)
    else if (begin > end) problems.push(`${begin - end} bytes before ${quoted(name)} belong to no tensor`)
    end = Math.max(end, begin + size)
    last = quoted(name)
  }
  if (end > dataSize && problems.length === 0) {
    const start = 8 + bytes.length
    throw new TruncatedFileError({
      source,
      size: start + dataSize,
      needed: start + end,
      what: `its last tensor ${last}`,
    })
  }
  if (end > dataSize) problems.push(`the tensors need ${end} bytes, there are ${dataSize}`)
  else if (end < dataSize) problems.push(`${dataSize - end} bytes at the end belong to no tensor`)
  if (problems.length > 0) fail()
  return { tensors: new Map(entries), metadata }
}

function parseJson(bytes: Uint8Array, problems: string[]): Record<string, unknown> | undefined {
  let text: string
  let header: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    problems.push('its header is not UTF-8')
    return undefined
  }
  const { repeated, tooDeep } = repeatedKeys(text, 3)
  if (tooDeep) {
    problems.push('its header is nested deeper than the format allows')
    return undefined
  }
  try {
    header = JSON.parse(text)
  } catch {
    problems.push('its header is not JSON')
    return undefined
  }
  if (!isRecord(header)) {
    problems.push('its header is not a JSON object')
    return undefined
  }
  for (const name of new Set(repeated)) problems.push(`the name ${quoted(name)} occurs twice`)
  return header
}

function readMetadata(value: unknown, metadata: Record<string, string>, problems: string[]): void {
  if (!isRecord(value)) {
    problems.push('__metadata__ is not an object')
    return
  }
  for (const [key, text] of Object.entries(value)) {
    if (typeof text === 'string') metadata[key] = text
    else problems.push(`the metadata ${quoted(key)} is not text`)
  }
}

function readEntry(name: string, value: unknown, problems: string[]): SafetensorsEntry | undefined {
  const wrong = (what: string): undefined => {
    problems.push(`${quoted(name)} ${what}`)
    return undefined
  }
  if (!isRecord(value)) return wrong('is not described by an object')
  const { dtype: dtypeName, shape, data_offsets: offsets } = value
  const dtype = typeof dtypeName === 'string' ? dtypeOfName.get(dtypeName) : undefined
  if (!dtype) return wrong(`has the unknown dtype ${shortJson(dtypeName)}`)
  if (!isNumbers(shape)) return wrong(`has the shape ${shortJson(shape)}`)
  const count = elementCount(shape)
  if (count === undefined) return wrong(`has the impossible shape ${shortJson(shape)}`)
  const bytes = count * dtypeBytes(dtype)
  if (
    !isNumbers(offsets) ||
    offsets.length !== 2 ||
    !offsets.every((n) => Number.isSafeInteger(n) && n >= 0)
  ) {
    return wrong(`has the offsets ${shortJson(offsets)}`)
  }
  const [begin, end] = offsets as [number, number]
  if (end - begin !== bytes) return wrong(`takes ${bytes} bytes by its shape, ${end - begin} by its offsets`)
  return { dtype, shape, bytes, begin }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number')
}

function shortJson(value: unknown): string {
  const text = JSON.stringify(value) ?? 'none'
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
