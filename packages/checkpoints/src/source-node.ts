import { type FileHandle, open } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { SourceError, TruncatedFileError } from './errors.ts'
import { allocate, checkRange, type Source, type SourceOptions } from './source.ts'

/** Largest piece that is read at once, so that an abort is noticed soon. */
const piece = 64 * 2 ** 20

/** A file of this machine. */
export async function openPath(path: string | URL, { signal }: SourceOptions): Promise<Source> {
  const name = pathOf(path)
  let handle: FileHandle
  let size: number
  try {
    handle = await open(name, 'r')
  } catch (cause) {
    throw openError(name, cause)
  }
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) {
      throw new SourceError({
        source: name,
        reason: stat.isDirectory() ? 'it is a directory' : 'it is not a regular file',
        advice: 'Give the path of a weight file.',
      })
    }
    size = stat.size
    signal?.throwIfAborted()
  } catch (error) {
    await handle.close()
    throw error
  }
  let closed: Promise<void> | undefined
  return {
    name,
    size,
    async read(start, end, abort) {
      checkRange({ name, size }, start, end)
      const bytes = allocate(name, end - start)
      for (let at = 0; at < bytes.length; ) {
        abort?.throwIfAborted()
        const wanted = Math.min(piece, bytes.length - at)
        const { bytesRead } = await readPiece(handle, name, bytes, at, wanted, start + at)
        if (bytesRead === 0) {
          throw new TruncatedFileError({
            source: name,
            size: start + at,
            needed: end,
            what: 'what was there when it was opened',
          })
        }
        at += bytesRead
      }
      return bytes
    },
    close() {
      closed ??= handle.close()
      return closed
    },
  }
}

function pathOf(path: string | URL): string {
  if (typeof path === 'string') return path
  try {
    return fileURLToPath(path)
  } catch (cause) {
    throw new SourceError({
      source: path.href,
      reason: 'it is not the address of a local file',
      advice: 'Write file:///absolute/path.',
      cause,
    })
  }
}

async function readPiece(
  handle: FileHandle,
  source: string,
  bytes: Uint8Array,
  offset: number,
  length: number,
  position: number,
): Promise<{ bytesRead: number }> {
  try {
    return await handle.read(bytes, offset, length, position)
  } catch (cause) {
    throw new SourceError({
      source,
      reason: codeOf(cause) === 'EBADF' ? 'it was closed' : messageOf(cause),
      advice: 'Keep the reader open until the last tensor is read.',
      cause,
    })
  }
}

function openError(source: string, cause: unknown): SourceError {
  const code = codeOf(cause)
  const reason =
    code === 'ENOENT' || code === 'ENOTDIR'
      ? 'there is no such file'
      : code === 'EACCES' || code === 'EPERM'
        ? 'permission is denied'
        : messageOf(cause)
  return new SourceError({ source, reason, advice: 'Check the path and its permissions.', cause })
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
