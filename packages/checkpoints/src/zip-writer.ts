/** One packed file of an archive that is being written. */
export interface PackedEntry {
  readonly name: string
  readonly method: 'stored' | 'deflated'
  readonly crc: number
  readonly size: number
  readonly packedSize: number
  /** Where its local header begins. */
  readonly offset: number
  readonly packed: readonly Uint8Array[]
}

/** Values from here on need the 64-bit fields. */
const wide = 0xffffffff
/** 1 January 1980, the first day that zip knows: an archive says nothing about when it was made. */
const date = 0x21
const utf8Names = 0x800

/** What stands before the packed bytes. */
export function zipLocalHeader(entry: PackedEntry): Uint8Array<ArrayBuffer> {
  const isWide = entry.size >= wide || entry.packedSize >= wide
  const extra = isWide ? wideField([entry.size, entry.packedSize]) : new Uint8Array(0)
  const name = new TextEncoder().encode(entry.name)
  const { bytes, view } = blank(30 + name.length + extra.length)
  view.setUint32(0, 0x04034b50, true)
  common(view, 4, entry, isWide)
  view.setUint16(26, name.length, true)
  view.setUint16(28, extra.length, true)
  bytes.set(name, 30)
  bytes.set(extra, 30 + name.length)
  return bytes
}

/** The directory of an archive whose entries end at `offset`, and its end record, or both of them. */
export function zipDirectory(entries: readonly PackedEntry[], offset: number): Uint8Array<ArrayBuffer> {
  const records = entries.map(directoryRecord)
  const size = records.reduce((sum, { length }) => sum + length, 0)
  const isWide = entries.length >= 0xffff || size >= wide || offset >= wide
  const parts = [...records]
  if (isWide) parts.push(endRecord64(entries.length, size, offset), locator64(offset + size))
  const { bytes: end, view } = blank(22)
  view.setUint32(0, 0x06054b50, true)
  view.setUint16(8, Math.min(entries.length, 0xffff), true)
  view.setUint16(10, Math.min(entries.length, 0xffff), true)
  view.setUint32(12, Math.min(size, wide), true)
  view.setUint32(16, Math.min(offset, wide), true)
  parts.push(end)
  const { bytes } = blank(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

function directoryRecord(entry: PackedEntry): Uint8Array<ArrayBuffer> {
  const isWide = entry.size >= wide || entry.packedSize >= wide
  const values = [
    ...(isWide ? [entry.size, entry.packedSize] : []),
    ...(entry.offset >= wide ? [entry.offset] : []),
  ]
  const extra = values.length > 0 ? wideField(values) : new Uint8Array(0)
  const name = new TextEncoder().encode(entry.name)
  const { bytes, view } = blank(46 + name.length + extra.length)
  view.setUint32(0, 0x02014b50, true)
  view.setUint16(4, 45, true)
  common(view, 6, entry, isWide)
  view.setUint16(28, name.length, true)
  view.setUint16(30, extra.length, true)
  view.setUint32(42, Math.min(entry.offset, wide), true)
  bytes.set(name, 46)
  bytes.set(extra, 46 + name.length)
  return bytes
}

/** The fields that both headers have in common, from the version needed to the sizes. */
function common(view: DataView, at: number, entry: PackedEntry, isWide: boolean): void {
  view.setUint16(at, isWide ? 45 : 20, true)
  view.setUint16(at + 2, utf8Names, true)
  view.setUint16(at + 4, entry.method === 'deflated' ? 8 : 0, true)
  view.setUint16(at + 8, date, true)
  view.setUint32(at + 10, entry.crc, true)
  view.setUint32(at + 14, isWide ? wide : entry.packedSize, true)
  view.setUint32(at + 18, isWide ? wide : entry.size, true)
}

function wideField(values: readonly number[]): Uint8Array<ArrayBuffer> {
  const { bytes, view } = blank(4 + 8 * values.length)
  view.setUint16(0, 1, true)
  view.setUint16(2, 8 * values.length, true)
  for (const [index, value] of values.entries()) view.setBigUint64(4 + 8 * index, BigInt(value), true)
  return bytes
}

function endRecord64(count: number, size: number, offset: number): Uint8Array<ArrayBuffer> {
  const { bytes, view } = blank(56)
  view.setUint32(0, 0x06064b50, true)
  view.setBigUint64(4, 44n, true)
  view.setUint16(12, 45, true)
  view.setUint16(14, 45, true)
  view.setBigUint64(24, BigInt(count), true)
  view.setBigUint64(32, BigInt(count), true)
  view.setBigUint64(40, BigInt(size), true)
  view.setBigUint64(48, BigInt(offset), true)
  return bytes
}

function locator64(endRecordOffset: number): Uint8Array<ArrayBuffer> {
  const { bytes, view } = blank(20)
  view.setUint32(0, 0x07064b50, true)
  view.setBigUint64(8, BigInt(endRecordOffset), true)
  view.setUint32(16, 1, true)
  return bytes
}

function blank(length: number): { bytes: Uint8Array<ArrayBuffer>; view: DataView } {
  const bytes = new Uint8Array(length)
  return { bytes, view: new DataView(bytes.buffer) }
}
