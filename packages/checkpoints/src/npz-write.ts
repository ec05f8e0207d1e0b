import { deflateSync } from 'fflate'
import { writeFileBeside } from '#file-writer'
import { crc32 } from './crc32.ts'
import { bytesOf, elementCount, holdsDtype } from './dtype.ts'
import { WeightsValueError } from './errors.ts'
import { npyHeader } from './npy.ts'
import type { Progress, WeightTensor } from './weights.ts'
import { type PackedEntry, zipDirectory, zipLocalHeader } from './zip-writer.ts'

export interface NpzOptions {
  /** @default 'stored', which is faster to read and can be read by ranges */
  readonly compression?: 'stored' | 'deflated' | undefined
}

export interface SaveNpzOptions extends NpzOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** The bytes of a .npz file as `numpy.load` reads it. The same arrays always give the same bytes. */
export function writeNpz(
  arrays: ReadonlyMap<string, WeightTensor>,
  options: NpzOptions = {},
): Uint8Array<ArrayBuffer> {
  const pieces = [...npzPieces(arrays, options)]
  const file = new Uint8Array(pieces.reduce((total, { length }) => total + length, 0))
  let at = 0
  for (const piece of pieces) {
    file.set(piece, at)
    at += piece.length
  }
  return file
}

/** Writes a .npz file: beside `path` first, flushed to the disk, then renamed. */
export async function saveNpz(
  path: string | URL,
  arrays: ReadonlyMap<string, WeightTensor>,
  options: SaveNpzOptions = {},
): Promise<void> {
  const { signal, onProgress } = options
  const total = [...arrays.values()].reduce((sum, { data }) => sum + data.byteLength, 0)
  await writeFileBeside(
    path,
    (async function* () {
      let loaded = 0
      for (const piece of npzPieces(arrays, options)) {
        yield piece
        loaded += piece.length
        onProgress?.({ loaded: Math.min(loaded, total), total })
      }
    })(),
    signal,
  )
}

function* npzPieces(arrays: ReadonlyMap<string, WeightTensor>, options: NpzOptions): Generator<Uint8Array> {
  checkArrays(arrays)
  const entries: PackedEntry[] = []
  let offset = 0
  for (const [name, array] of arrays) {
    const contents = [npyHeader(name, array), bytesOf(array.data)]
    const entry = packEntry(`${name}.npy`, contents, options.compression ?? 'stored', offset)
    for (const piece of [zipLocalHeader(entry), ...entry.packed]) {
      offset += piece.length
      yield piece
    }
    entries.push({ ...entry, packed: [] })
  }
  yield zipDirectory(entries, offset)
}

function packEntry(
  name: string,
  contents: readonly Uint8Array[],
  method: 'stored' | 'deflated',
  offset: number,
): PackedEntry {
  const size = contents.reduce((sum, { length }) => sum + length, 0)
  const crc = contents.reduce((sum, bytes) => crc32(bytes, sum), 0)
  if (method === 'stored') return { name, method, crc, size, packedSize: size, offset, packed: contents }
  const whole = new Uint8Array(size)
  let at = 0
  for (const bytes of contents) {
    whole.set(bytes, at)
    at += bytes.length
  }
  const packed = deflateSync(whole)
  return { name, method, crc, size, packedSize: packed.length, offset, packed: [packed] }
}

function checkArrays(arrays: ReadonlyMap<string, WeightTensor>): void {
  const problems: string[] = []
  for (const [name, { dtype, shape, data }] of arrays) {
    if (dtype === 'bfloat16') problems.push(`${name} is bfloat16, which numpy does not have`)
    else if (!holdsDtype(data, dtype)) problems.push(`${name} is ${dtype} in a ${data.constructor.name}`)
    else if (elementCount(shape) !== data.length) {
      problems.push(`${name} has the shape [${shape}] and ${data.length} elements`)
    }
  }
  if (problems.length === 0) return
  throw new WeightsValueError({ problems, advice: 'Give every array as many elements as its shape has.' })
}
