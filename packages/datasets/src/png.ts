import { DatasetFormatError } from './errors.ts'
import { inflate } from './inflate.ts'
import type { Picture } from './picture.ts'
import { type PngHeader, readPngChunks } from './png-chunks.ts'

/** Part of the image that is stored for itself: every `stepX`-th pixel of every `stepY`-th row. */
interface Pass {
  readonly x: number
  readonly y: number
  readonly stepX: number
  readonly stepY: number
}

const WHOLE: readonly Pass[] = [{ x: 0, y: 0, stepX: 1, stepY: 1 }]
const ADAM7: readonly Pass[] = [
  { x: 0, y: 0, stepX: 8, stepY: 8 },
  { x: 4, y: 0, stepX: 8, stepY: 8 },
  { x: 0, y: 4, stepX: 4, stepY: 8 },
  { x: 2, y: 0, stepX: 4, stepY: 4 },
  { x: 0, y: 2, stepX: 2, stepY: 4 },
  { x: 1, y: 0, stepX: 2, stepY: 2 },
  { x: 0, y: 1, stepX: 1, stepY: 2 },
]

/**
 * The pixels of a PNG file in 8-bit colour: grey and palettes are spelt out, 16 bits lose the lower eight, alpha is
 * left out. The file's word is not taken for its size: pixels are counted while they are unpacked.
 *
 * Written here because fast-png 8.0 unpacks without end (a file of 0.6 MB that calls itself 8 × 8 takes 1.8 GB) and
 * misreads interlaced images of fewer than 8 bits.
 *
 * @throws {DatasetFormatError} when the file is damaged, or has more than `maximumPixels`.
 * @see https://www.w3.org/TR/png-3/
 */
export async function readPng(
  bytes: Uint8Array,
  { file, maximumPixels, signal }: { file: string; maximumPixels: number; signal?: AbortSignal | undefined },
): Promise<Picture> {
  const fail = (problem: string): never => {
    throw new DatasetFormatError({
      file,
      problem,
      advice: 'The image is damaged: replace it or take it out.',
    })
  }
  const { header, palette, packed } = readPngChunks(bytes, fail)
  const { width, height, interlaced } = header
  if (width * height > maximumPixels) {
    throw new DatasetFormatError({
      file,
      problem: `its header announces ${width} × ${height} pixels, more than the limit of ${maximumPixels}`,
      advice: 'Make the image smaller, or raise maximumPixels if you trust the file.',
    })
  }
  const passes = (interlaced ? ADAM7 : WHOLE).filter(({ x, y }) => x < width && y < height)
  const size = passes.reduce((sum, pass) => sum + passSize(header, pass), 0)
  const filtered = await inflate(packed, 'deflate', { file, limit: size, signal })
  if (filtered.length < size) return fail(`it has ${filtered.length} of the ${size} bytes of its pixels`)
  const pixels = new Uint8Array(width * height * 3)
  let position = 0
  for (const pass of passes) {
    const end = position + passSize(header, pass)
    const rows = unfilter(filtered.subarray(position, end), header, pass, fail)
    writePass(rows, header, pass, palette, pixels, fail)
    position = end
  }
  return { width, height, pixels }
}

function rowBytes({ width, depth, samples }: PngHeader, { x, stepX }: Pass): number {
  return Math.ceil((Math.ceil((width - x) / stepX) * depth * samples) / 8)
}

function passSize(header: PngHeader, pass: Pass): number {
  return Math.ceil((header.height - pass.y) / pass.stepY) * (1 + rowBytes(header, pass))
}

/** Adds to every byte what was predicted from its neighbours: left, above, their mean, or the nearest of three. */
function unfilter(
  data: Uint8Array,
  header: PngHeader,
  pass: Pass,
  fail: (problem: string) => never,
): Uint8Array {
  const stride = rowBytes(header, pass)
  const pixel = Math.max(1, (header.depth * header.samples) >> 3)
  const rows = new Uint8Array((data.length / (stride + 1)) * stride)
  for (let read = 0, row = 0; row < rows.length; row += stride) {
    const filter = data[read++] as number
    if (filter > 4) return fail(`a row has the unknown filter ${filter}`)
    for (let i = 0; i < stride; i++) {
      const at = row + i
      const left = i >= pixel ? (rows[at - pixel] as number) : 0
      const above = row > 0 ? (rows[at - stride] as number) : 0
      const corner = i >= pixel && row > 0 ? (rows[at - stride - pixel] as number) : 0
      const predicted =
        filter === 0
          ? 0
          : filter === 1
            ? left
            : filter === 2
              ? above
              : filter === 3
                ? (left + above) >> 1
                : paeth(left, above, corner)
      rows[at] = (data[read++] as number) + predicted
    }
  }
  return rows
}

function paeth(left: number, above: number, corner: number): number {
  const estimate = left + above - corner
  const toLeft = Math.abs(estimate - left)
  const toAbove = Math.abs(estimate - above)
  const toCorner = Math.abs(estimate - corner)
  if (toLeft <= toAbove && toLeft <= toCorner) return left
  return toAbove <= toCorner ? above : corner
}

function writePass(
  rows: Uint8Array,
  header: PngHeader,
  pass: Pass,
  palette: Uint8Array,
  out: Uint8Array,
  fail: (problem: string) => never,
): void {
  const { width, height, depth, colour, samples } = header
  const stride = rowBytes(header, pass)
  const largest = 2 ** Math.min(depth, 8) - 1
  const scale = colour === 'palette' ? 1 : 255 / largest
  const sampleAt = (row: number, index: number): number => {
    if (depth === 16) return rows[row + 2 * index] as number
    if (depth === 8) return rows[row + index] as number
    const bit = index * depth
    return (((rows[row + (bit >> 3)] as number) >> (8 - depth - (bit & 7))) & largest) * scale
  }
  for (let y = pass.y, row = 0; y < height; y += pass.stepY, row += stride) {
    for (let x = pass.x, i = 0; x < width; x += pass.stepX, i += samples) {
      const position = 3 * (y * width + x)
      const first = sampleAt(row, i)
      if (colour === 'palette') {
        if (3 * first >= palette.length)
          fail(`a pixel has colour ${first} of a palette of ${palette.length / 3}`)
        for (let c = 0; c < 3; c++) out[position + c] = palette[3 * first + c] as number
      } else {
        const inColour = samples > 2
        out[position] = first
        out[position + 1] = inColour ? sampleAt(row, i + 1) : first
        out[position + 2] = inColour ? sampleAt(row, i + 2) : first
      }
    }
  }
}
