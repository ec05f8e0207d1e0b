import { readFileBytes } from '#platform'
import { download } from './download.ts'
import { DatasetReadError } from './errors.ts'

/**
 * Where bytes come from: a path in Node, an `http` or `https` address (in a browser also one relative to the page), a
 * `File` or other `Blob`, or the bytes themselves.
 */
export type ByteSource = string | URL | Blob | Uint8Array

/** How an error speaks of a source. */
export function nameOf(source: ByteSource, unnamed: string): string {
  if (typeof source === 'string') return source
  if (source instanceof URL) return source.href
  return 'name' in source && typeof source.name === 'string' ? source.name : unnamed
}

/** @throws {DatasetReadError} when nothing can be read there. */
export async function readBytes(source: ByteSource, signal?: AbortSignal): Promise<Uint8Array> {
  signal?.throwIfAborted()
  if (source instanceof Uint8Array) return source
  const file = nameOf(source, 'blob')
  try {
    if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer())
    if (/^https?:/i.test(file)) return await download(file, signal)
    return await readFileBytes(source, signal)
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof DatasetReadError) throw cause
    throw new DatasetReadError({
      file,
      problem: cause instanceof Error ? cause.message : String(cause),
      advice: 'Check the name and that the file may be read.',
      cause,
    })
  }
}
