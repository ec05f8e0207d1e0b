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

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

/** Colour types with their samples a pixel and possible depths. */
const COLOURS = new Map<number, { colour: PngHeader['colour']; samples: number; depths: number[] }>([
  [0, { colour: 'grey', samples: 1, depths: [1, 2, 4, 8, 16] }],
  [2, { colour: 'rgb', samples: 3, depths: [8, 16] }],
  [3, { colour: 'palette', samples: 1, depths: [1, 2, 4, 8] }],
  [4, { colour: 'grey+alpha', samples: 2, depths: [8, 16] }],
  [6, { colour: 'rgb+alpha', samples: 4, depths: [8, 16] }],
])

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte)
}

/**
 * The chunks of a PNG file that matter for its pixels; all others are skipped unread. `fail` throws.
 *
 * @see https://www.w3.org/TR/png-3/#5DataRep
 */
export function readPngChunks(bytes: Uint8Array, fail: (problem: string) => never): PngChunks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let header: PngHeader | undefined
  let palette = new Uint8Array()
  const packed: Uint8Array[] = []
  for (let position = 8; ; ) {
    if (position + 12 > bytes.length) return fail('it ends before its last chunk')
    const length = view.getUint32(position)
    const type = String.fromCharCode(...bytes.subarray(position + 4, position + 8))
    const end = position + 8 + length
    if (end + 4 > bytes.length) return fail(`its chunk ${type} of ${length} bytes is cut`)
    const content = bytes.subarray(position + 8, end)
    if (type === 'IHDR' || type === 'PLTE') {
      // The pixels have a checksum of their own.
      if (crc32(bytes.subarray(position + 4, end)) !== view.getUint32(end)) {
        return fail(`the checksum of its chunk ${type} is wrong`)
      }
    }
    if (header === undefined && type !== 'IHDR')
      return fail(`it begins with the chunk ${type} instead of IHDR`)
    if (type === 'IHDR') header = readHeader(content, fail)
    else if (type === 'PLTE') palette = content.slice()
    else if (type === 'IDAT') packed.push(content)
    else if (type === 'IEND') break
    position = end + 4
  }
  if (header === undefined) return fail('it has no header')
  if (packed.length === 0) return fail('it has no pixels')
  return { header, palette, packed: packed.length === 1 ? (packed[0] as Uint8Array) : concatenated(packed) }
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
  return { width, height, depth: depth as number, ...colour, interlaced: interlace === 1 }
}

function concatenated(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let position = 0
  for (const piece of pieces) {
    bytes.set(piece, position)
    position += piece.length
  }
  return bytes
}

/** CRC-32, polynomial 0xedb88320, bit by bit: the chunks it is for are short. */
function crc32(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}
