import { DatasetFormatError } from './errors.ts'

/** Whether these bytes begin a gzip file. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/**
 * Unpacks gzip (`'gzip'`) or zlib (`'deflate'`) data with the web's own streams, which Node has too.
 *
 * A small file may unpack to more than memory holds, so the work stops soon after `limit` bytes: a result that is
 * longer says that there is more. Data of `limit` bytes or fewer is read to its end, where its checksum is.
 *
 * @throws {DatasetFormatError} when the data is damaged or ends early.
 */
export async function inflate(
  packed: Uint8Array,
  format: 'gzip' | 'deflate',
  {
    file,
    limit,
    signal,
  }: { readonly file: string; readonly limit: number; readonly signal?: AbortSignal | undefined },
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  const stream = new Blob([packed as Uint8Array<ArrayBuffer>]).stream()
  const reader = stream.pipeThrough(new DecompressionStream(format)).getReader()
  try {
    while (length <= limit) {
      signal?.throwIfAborted()
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw new DatasetFormatError({
          file,
          problem: `its compressed data is damaged or ends early${cause instanceof Error ? ` (${cause.message})` : ''}`,
          advice: 'The file may be incomplete: get it anew, or take it out.',
          cause,
        })
      })
      if (done) break
      pieces.push(value)
      length += value.length
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
  return concatenated(pieces)
}

/** All bytes of the pieces, one after the other. */
export function concatenated(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let position = 0
  for (const piece of pieces) {
    bytes.set(piece, position)
    position += piece.length
  }
  return bytes
}
