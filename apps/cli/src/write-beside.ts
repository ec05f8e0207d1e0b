import { access, constants, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { OutputError } from './errors.ts'

/**
 * Writes a whole file or none, and the folder it lies in.
 *
 * @throws OutputError
 */
export async function writeBeside(path: string, content: string | Uint8Array): Promise<void> {
  const beside = `${path}.${process.pid}.part`
  await makeFolder(dirname(path))
  try {
    await writeFile(beside, content)
    await rename(beside, path)
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => {})
    throw outputError(path, cause)
  }
}

/**
 * Makes a folder and those above it, where they are not there.
 *
 * @throws OutputError
 */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause) => {
    throw outputError(path, cause)
  })
}

/**
 * Makes sure that a file or a folder can be written, and writes nothing: what takes long shall not end in vain.
 *
 * @throws OutputError
 */
export async function requireWritable(path: string, kind: 'file' | 'folder'): Promise<void> {
  const found = await statOf(path)
  if (found && found.isDirectory() !== (kind === 'folder')) {
    throw new OutputError({ path, reason: `it is a ${found.isDirectory() ? 'folder' : 'file'}` })
  }
  let above = kind === 'folder' && found ? resolve(path) : dirname(resolve(path))
  let folder = await statOf(above)
  while (!folder) {
    above = dirname(above)
    folder = await statOf(above)
  }
  if (!folder.isDirectory()) throw new OutputError({ path, reason: `${above} is not a folder` })
  await access(above, constants.W_OK).catch((cause) => {
    throw outputError(path, cause)
  })
}

async function statOf(path: string) {
  return stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined
    throw outputError(path, cause)
  })
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of its path is not a folder',
  EISDIR: 'it is a folder',
}

function outputError(path: string, cause: unknown): OutputError {
  const { code = '', message } = cause as NodeJS.ErrnoException
  return new OutputError({ path, reason: reasons[code] ?? message, cause })
}
