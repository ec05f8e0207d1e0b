import { readFile } from 'node:fs/promises'

/** The bytes of a file on disk. */
export async function readFileBytes(
  path: string | URL,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  return await readFile(path, signal ? { signal } : {})
}
