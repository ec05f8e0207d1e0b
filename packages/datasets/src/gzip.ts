/** Whether these bytes begin a gzip file. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/**
 * The unpacked bytes of a gzip file, piece by piece, so that the reader can stop a bomb before it grows. The web's
 * own streams, which Node has too.
 *
 * @throws {TypeError} from the iteration, when the file is damaged or ends early.
 */
export async function* gunzip(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const unpacked = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new DecompressionStream('gzip'))
  const reader = unpacked.getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
