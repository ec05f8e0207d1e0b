import { concatenated } from './inflate.ts'

/** What a PNG file says of its pixels, and the packed pixels. */
export interface PngChunks {
  readonly header: PngHeader
  /** Three bytes a colour; empty where there is none. */
  readonly palette: Uint8Array
  /** The zlib stream of all pixels. */
  readonly packed: Uint8Array
}

export interface PngHeader {
  readonly width: number
  readonly height: number
  /** Bits of a sample. */
  readonly depth: number
  readonly colour: 'grey' | 'rgb' | 'palette' | 'grey+alpha' | 'rgb+alpha'
  /** Samples of a pixel. */
  readonly samples: number
  readonly interlaced: boolean
}

const SIGNATURE_BYTES = 8

/** The chunks that pixels depend on. */
const READ = new Set(['IHDR', 'PLTE', 'IDAT'])

/** Colour types with their samples a pixel and possible depths. */
const COLOURS = new Map<number, { colour: PngHeader['colour']; samples: number; depths: number[] }>([
  [0, { colour: 'grey', samples: 1, depths: [1, 2, 4, 8, 16] }],
  [2, { colour: 'rgb', samples: 3, depths: [8, 16] }],
  [3, { colour: 'palette', samples: 1, depths: [1, 2, 4, 8] }],
  [4, { colour: 'grey+alpha', samples: 2, depths: [8, 16] }],
  [6, { colour: 'rgb+alpha', samples: 4, depths: [8, 16] }],
])

/**
 * The chunks of a PNG file that matter for its pixels, their checksums compared; all others are skipped unread, so
 * that none of them can do harm. `fail` throws.
 *
 * @see https://www.w3.org/TR/png-3/#5DataRep
 */
export function readPngChunks(bytes: Uint8Array, fail: (problem: string) => never): PngChunks {
  let header: PngHeader | undefined
  let palette: Uint8Array = new Uint8Array()
  const packed: Uint8Array[] = []
  for (const { type, content } of chunks(bytes, fail)) {
    if ((type === 'IHDR') !== (header === undefined))
      return fail('IHDR is not its first chunk, or not its only one')
    if (type === 'IHDR') header = readHeader(content, fail)
    if (type === 'PLTE') palette = content
    if (type === 'IDAT') packed.push(content)
  }
  if (header === undefined || packed.length === 0) return fail('it has no pixels')
  if (palette.length % 3 !== 0 || palette.length > 3 * 256)
    return fail(`its palette has ${palette.length} bytes`)
  return { header, palette, packed: concatenated(packed) }
}

/** All chunks up to IEND. Each is its length, four letters, the content, and a CRC of letters and content. */
function* chunks(
  bytes: Uint8Array,
  fail: (problem: string) => never,
): Generator<{ type: string; content: Uint8Array }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let start = SIGNATURE_BYTES; ; ) {
    if (start + 12 > bytes.length) return fail('it ends before its last chunk')
    const type = String.fromCharCode(...bytes.subarray(start + 4, start + 8))
    if (!/^[a-z]{4}$/i.test(type)) return fail('it has a chunk without a name')
    const end = start + 8 + view.getUint32(start)
    if (end + 4 > bytes.length) return fail(`its chunk ${type} is cut`)
    if (type === 'IEND') return
    if (READ.has(type) && crc32(bytes.subarray(start + 4, end)) !== view.getUint32(end)) {
      return fail(`the checksum of its chunk ${type} is wrong`)
    }
    yield { type, content: bytes.subarray(start + 8, end) }
    start = end + 4
  }
}

function readHeader(content: Uint8Array, fail: (problem: string) => never): PngHeader {
  if (content.length !== 13) return fail(`its header has ${content.length} bytes instead of 13`)
  const view = new DataView(content.buffer, content.byteOffset, 13)
  const width = view.getUint32(0)
  const height = view.getUint32(4)
  const [depth, type, compression, filter, interlace] = content.subarray(8) as unknown as number[]
  const colour = COLOURS.get(type as number)
  if (!colour?.depths.includes(depth as number))
    return fail(`its colour type ${type} with ${depth} bits does not exist`)
  if (compression !== 0 || filter !== 0 || (interlace as number) > 1)
    return fail('its kind of compression is unknown')
  if (width === 0 || height === 0) return fail(`it is ${width} × ${height} pixels large`)
  return {
    width,
    height,
    depth: depth as number,
    colour: colour.colour,
    samples: colour.samples,
    interlaced: interlace === 1,
  }
}

const CRC_OF_BYTE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  return crc
})

/** CRC-32, polynomial 0xedb88320. */
function crc32(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) crc = (crc >>> 8) ^ (CRC_OF_BYTE[(crc ^ byte) & 0xff] as number)
  return ~crc >>> 0
}
