/** Whether these bytes begin a gzip file. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/**
 * Unpacks gzip (`'gzip'`) or zlib (`'deflate'`) data with the web's own streams, which Node has too.
 *
 * A small file may unpack to more than memory holds. So `enough` is asked after every piece, with the first 64 KiB
 * or so and the number of bytes there are, and may stop the work. What was unpacked before damage is returned
 * together with it.
 */
export async function inflate(
  packed: Uint8Array,
  format: 'gzip' | 'deflate',
  options: {
    readonly enough: (first: Uint8Array, length: number) => boolean
    readonly signal?: AbortSignal | undefined
  },
): Promise<{ readonly bytes: Uint8Array; readonly damage?: unknown }> {
  const { enough, signal } = options
  const pieces: Uint8Array[] = []
  let length = 0
  let first = new Uint8Array()
  const stream = new Blob([packed as Uint8Array<ArrayBuffer>]).stream()
  const reader = stream.pipeThrough(new DecompressionStream(format)).getReader()
  let damage: unknown
  try {
    for (;;) {
      const next = await reader.read().catch((cause: unknown) => {
        damage = cause ?? new TypeError('damaged')
        return { done: true, value: undefined } as const
      })
      signal?.throwIfAborted()
      if (next.done) break
      pieces.push(next.value)
      length += next.value.length
      if (first.length < 2 ** 16) first = join(pieces, length)
      if (enough(first, length)) break
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
  const bytes = join(pieces, length)
  return damage === undefined ? { bytes } : { bytes, damage }
}

function join(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let position = 0
  for (const piece of pieces) {
    bytes.set(piece, position)
    position += piece.length
  }
  return bytes
}
