import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WriteError } from './errors.ts'

/** Pieces are gathered to this size before they are written: many weights are small. */
const gathered = 2 ** 20

/**
 * Writes a file beside `path`, flushes it to the disk and renames it, so that whoever opens `path` finds all of it
 * or what was there before. After a failure or an abort nothing is left.
 */
export async function writeFileBeside(
  path: string | URL,
  pieces: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const target = path instanceof URL ? fileURLToPath(path) : path
  signal?.throwIfAborted()
  const { handle, temporary } = await openBeside(target)
  try {
    try {
      await writeAll(handle, pieces, target, signal)
      await wrapped(target, () => handle.sync())
    } finally {
      await handle.close()
    }
    signal?.throwIfAborted()
    await wrapped(target, () => rename(temporary, target))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(target))
}

async function openBeside(target: string): Promise<{ handle: FileHandle; temporary: string }> {
  for (let number = 0; ; number++) {
    const temporary = `${target}.${process.pid}-${number}.tmp`
    try {
      return { handle: await open(temporary, 'wx'), temporary }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw writeError(target, cause)
    }
  }
}

async function writeAll(
  handle: FileHandle,
  pieces: AsyncIterable<Uint8Array>,
  target: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const buffer = new Uint8Array(gathered)
  let filled = 0
  const flush = async () => {
    await write(handle, buffer.subarray(0, filled), target)
    filled = 0
  }
  for await (const piece of pieces) {
    signal?.throwIfAborted()
    if (filled + piece.length > gathered) await flush()
    if (piece.length > gathered) await write(handle, piece, target)
    else {
      buffer.set(piece, filled)
      filled += piece.length
    }
  }
  await flush()
}

async function write(handle: FileHandle, bytes: Uint8Array, target: string): Promise<void> {
  const most = 2 ** 30
  for (let at = 0; at < bytes.length; ) {
    const length = Math.min(most, bytes.length - at)
    at += (await wrapped(target, () => handle.write(bytes, at, length))).bytesWritten
  }
}

/** The rename itself has to survive a power cut too; not every system can flush a folder. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r')
    await handle.sync().finally(() => handle.close())
  } catch {
    // Windows does not open folders; the file's content was flushed above.
  }
}

async function wrapped<T>(target: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (cause) {
    throw writeError(target, cause)
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'its folder is not a folder',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EISDIR: 'it is a folder',
}

function writeError(path: string, cause: unknown): WriteError {
  const { code = '', message } = cause as NodeJS.ErrnoException
  return new WriteError({
    path,
    reason: reasons[code] ?? message,
    advice: 'Check that the folder exists, may be written to, and has room.',
    cause,
  })
}
