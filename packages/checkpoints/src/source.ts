import { TooLargeError, TruncatedFileError } from './errors.ts'
import type { Progress } from './weights.ts'

/** Where weights come from: a path, a `file:` or `http(s):` address, a picked file, or bytes in memory. */
export type WeightsSource = string | URL | Blob | Uint8Array | ArrayBuffer

/** Random access to the bytes of a file. */
export interface Source {
  /** What the file is called in messages. */
  readonly name: string
  readonly size: number
  /** The bytes in `[start, end)`; a short read is an error, never a short result. */
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>
  close(): Promise<void>
}

export interface SourceOptions {
  readonly signal?: AbortSignal | undefined
  /** Called while a whole file is fetched from a server that cannot send ranges. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /**
   * Largest file, in bytes, that is fetched whole into memory from a server that cannot send ranges.
   * @default 1 GiB
   */
  readonly maxWholeDownload?: number | undefined
  /** Used instead of the global `fetch`, to add headers for example. */
  readonly fetch?: typeof fetch | undefined
}

/** Bytes in memory. Reads share the caller's memory. */
export function bytesSource(given: Uint8Array, name = 'bytes'): Source {
  const bytes = plainBytes(given)
  return {
    name,
    size: bytes.byteLength,
    async read(start, end, signal) {
      signal?.throwIfAborted()
      checkRange(this, start, end)
      return bytes.subarray(start, end)
    },
    async close() {},
  }
}

/** The same memory without what a subclass adds: `slice` of Node's `Buffer` does not copy. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Every source refuses a range outside the file before it allocates anything for it. */
export function checkRange({ name, size }: Pick<Source, 'name' | 'size'>, start: number, end: number): void {
  if (!(start >= 0 && start <= end && end <= size)) {
    throw new TruncatedFileError({ source: name, size, needed: end, what: `the range from byte ${start}` })
  }
}

/** Memory for a read; a size that no array can have is a named error. */
export function allocate(source: string, bytes: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new TooLargeError({
      source,
      what: 'one read',
      bytes,
      limit: 2 ** 32,
      advice: 'No array of this runtime is that large, or its memory is used up.',
    })
  }
}
