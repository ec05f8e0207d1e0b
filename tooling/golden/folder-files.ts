import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { CaseFiles } from './files.ts'

/** A folder on disk. */
export async function folderFiles(folder: string): Promise<CaseFiles> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
  return {
    names: names.sort(),
    read: (name) => readFile(join(folder, name)),
    place: (name) => join(folder, name),
  }
}
