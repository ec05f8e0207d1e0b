import { MalformedFileError, TruncatedFileError, UnsupportedFileError } from './errors.ts'
import { quoted } from './quoted-name.ts'
import type { Source } from './source.ts'

/** One file of a zip archive. */
export interface ZipEntry {
  readonly name: string
  readonly method: 'stored' | 'deflated'
  readonly crc: number
  /** Length in the archive and, for a deflated entry, after inflating it. */
  readonly packedSize: number
  readonly size: number
  readonly headerOffset: number
  /** Where the next entry, or the directory, begins: the entry with its header ends at or before it. */
  readonly limit: number
}

const directoryEnd = 0x06054b50
const directoryEnd64 = 0x06064b50
const locator64 = 0x07064b50
const directoryEntry = 0x02014b50
const localHeader = 0x04034b50
const localHeaderBytes = 30
const longestComment = 0xffff

/** Reads the directory of a zip archive, zip64 included, and checks that its entries lie apart. */
export async function readZipDirectory(
  source: Source,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, ZipEntry>> {
  const { start, size, count } = await findDirectory(source, signal)
  const bytes = await source.read(start, start + size, signal)
  const problems: string[] = []
  const entries = parseDirectory(bytes, count, source.name, problems)
  entries.sort((a, b) => a.headerOffset - b.headerOffset)
  const result = new Map<string, ZipEntry>()
  for (const [index, entry] of entries.entries()) {
    const limit = entries[index + 1]?.headerOffset ?? start
    const name = quoted(entry.name)
    const end = entry.headerOffset + localHeaderBytes + entry.packedSize
    if (end > limit) problems.push(`${name} overlaps ${limit === start ? 'the directory' : 'the next entry'}`)
    if (result.has(entry.name)) problems.push(`${name} occurs twice`)
    result.set(entry.name, { ...entry, limit })
  }
  if (problems.length > 0) throw new MalformedFileError({ source: source.name, format: 'zip', problems })
  return result
}

/** Where the packed bytes of an entry lie. */
export async function locateEntry(
  source: Source,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<{ start: number; end: number }> {
  const { headerOffset, limit, name } = entry
  const fail = (problem: string): never => {
    const problems = [`${quoted(name)} ${problem}`]
    throw new MalformedFileError({ source: source.name, format: 'zip', problems })
  }
  const header = view(await source.read(headerOffset, headerOffset + localHeaderBytes, signal))
  if (header.getUint32(0, true) !== localHeader) fail('is not where the directory says')
  const start = headerOffset + localHeaderBytes + header.getUint16(26, true) + header.getUint16(28, true)
  const end = start + entry.packedSize
  if (end > limit) fail('is longer than its place in the archive')
  if (header.getUint16(8, true) !== (entry.method === 'stored' ? 0 : 8))
    fail('is packed in two different ways')
  return { start, end }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

async function findDirectory(
  source: Source,
  signal: AbortSignal | undefined,
): Promise<{ start: number; size: number; count: number }> {
  const tailStart = Math.max(0, source.size - 22 - longestComment)
  const tail = view(await source.read(tailStart, source.size, signal))
  for (let at = tail.byteLength - 22; at >= 0; at--) {
    if (tail.getUint32(at, true) !== directoryEnd) continue
    // The comment has to reach exactly to the end of the file; else these four bytes are something else.
    if (at + 22 + tail.getUint16(at + 20, true) !== tail.byteLength) continue
    const found = {
      count: tail.getUint16(at + 10, true),
      size: tail.getUint32(at + 12, true),
      start: tail.getUint32(at + 16, true),
    }
    const isZip64 = at >= 20 && tail.getUint32(at - 20, true) === locator64
    return checkDirectory(
      isZip64 ? await findDirectory64(source, tail.getBigUint64(at - 12, true), signal) : found,
      tailStart + at,
      source,
    )
  }
  throw new TruncatedFileError({
    source: source.name,
    size: source.size,
    needed: source.size + 22,
    what: 'the directory at the end of a zip archive',
  })
}

async function findDirectory64(
  source: Source,
  offset: bigint,
  signal: AbortSignal | undefined,
): Promise<{ start: number; size: number; count: number }> {
  const at = Number(offset)
  const record = at + 56 <= source.size ? view(await source.read(at, at + 56, signal)) : undefined
  if (record?.getUint32(0, true) !== directoryEnd64) {
    throw new MalformedFileError({
      source: source.name,
      format: 'zip',
      problems: ['its zip64 directory is not where it should be'],
    })
  }
  return {
    count: Number(record.getBigUint64(32, true)),
    size: Number(record.getBigUint64(40, true)),
    start: Number(record.getBigUint64(48, true)),
  }
}

function checkDirectory(
  directory: { start: number; size: number; count: number },
  end: number,
  { name: source }: Source,
): { start: number; size: number; count: number } {
  const { start, size, count } = directory
  const problems: string[] = []
  if (start + size > end) problems.push('its directory does not fit into the file')
  if (count * 46 > size) problems.push(`its directory of ${size} bytes cannot hold ${count} entries`)
  if (problems.length > 0) throw new MalformedFileError({ source, format: 'zip', problems })
  return directory
}

function parseDirectory(
  bytes: Uint8Array,
  count: number,
  source: string,
  problems: string[],
): Omit<ZipEntry, 'limit'>[] {
  const directory = view(bytes)
  const utf8 = new TextDecoder()
  const entries: Omit<ZipEntry, 'limit'>[] = []
  const unsupported: string[] = []
  let at = 0
  for (let index = 0; index < count; index++) {
    const nameEnd = at + 46 <= bytes.length ? at + 46 + directory.getUint16(at + 28, true) : Number.NaN
    const extraEnd = nameEnd + (nameEnd <= bytes.length ? directory.getUint16(at + 30, true) : 0)
    if (!(extraEnd <= bytes.length) || directory.getUint32(at, true) !== directoryEntry) {
      problems.push(`entry ${index} of its directory is broken`)
      break
    }
    const name = utf8.decode(bytes.subarray(at + 46, nameEnd))
    const method = directory.getUint16(at + 10, true)
    if (directory.getUint16(at + 8, true) & 1) unsupported.push(`encryption of ${quoted(name)}`)
    else if (method !== 0 && method !== 8) unsupported.push(`compression ${method} of ${quoted(name)}`)
    const wide = wideFields(directory, nameEnd, extraEnd)
    const field = (offset: number): number => {
      const value = directory.getUint32(at + offset, true)
      return value === 0xffffffff ? (wide.shift() ?? value) : value
    }
    const size = field(24)
    const packedSize = field(20)
    const headerOffset = field(42)
    if (method === 0 && size !== packedSize) problems.push(`${quoted(name)} has two sizes`)
    const crc = directory.getUint32(at + 16, true)
    entries.push({ name, method: method === 8 ? 'deflated' : 'stored', crc, packedSize, size, headerOffset })
    at = extraEnd + directory.getUint16(at + 32, true)
  }
  if (unsupported.length > 0) {
    throw new UnsupportedFileError({
      source,
      features: unsupported,
      advice: 'Write the archive again, stored or deflated, without a password.',
    })
  }
  return entries
}

/** The 64-bit values of a zip64 field, in the order of the 32-bit fields that they replace. */
function wideFields(directory: DataView, start: number, end: number): number[] {
  for (let at = start; at + 4 <= end; ) {
    const length = directory.getUint16(at + 2, true)
    if (directory.getUint16(at, true) === 1 && at + 4 + length <= end) {
      const values: number[] = []
      for (let value = at + 4; value + 8 <= at + 4 + length; value += 8) {
        values.push(Number(directory.getBigUint64(value, true)))
      }
      return values
    }
    at += 4 + length
  }
  return []
}
