/**
 * Optimised graphs on disk, each in a folder that is named by what it is. A folder is written under another name and
 * renamed when it is whole, so that processes may share the cache; what was not used for longest goes when there is too
 * much.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { digest } from './graph-identity.ts'

export interface GraphCacheOptions {
  /** Where it lies; made if it is not there. */
  readonly folder: string
  /** Bytes that it may take. @default 8 GiB */
  readonly maxBytes?: number
}

/** The model, in each entry. Its weights lie beside it. */
export const modelName = 'model.onnx'
const manifestName = 'entry.json'
const defaultBytes = 8 * 2 ** 30
/** Milliseconds after which what a process left half written is removed. */
const abandonedAfter = 60 * 60 * 1000

interface Manifest {
  /** Bytes of each file. */
  readonly files: Readonly<Record<string, number>>
  /** SHA-256 of the model. */
  readonly model: string
}

/** The folder of an entry that is whole, and is now the one that was used last; a damaged one is removed. */
export async function findEntry({ folder }: GraphCacheOptions, key: string): Promise<string | undefined> {
  const entry = join(folder, key)
  const manifest = await readManifest(entry)
  if (!manifest) return undefined
  const now = new Date()
  if (await isWhole(entry, manifest)) {
    await utimes(join(entry, manifestName), now, now).catch(() => {})
    return entry
  }
  await removeEntry({ folder }, key)
  return undefined
}

async function readManifest(entry: string): Promise<Manifest | undefined> {
  try {
    return JSON.parse(await readFile(join(entry, manifestName), 'utf8')) as Manifest
  } catch {
    return undefined
  }
}

async function isWhole(entry: string, { files, model }: Manifest): Promise<boolean> {
  try {
    for (const [name, bytes] of Object.entries(files))
      if ((await stat(join(entry, name))).size !== bytes) return false
    return digest(await readFile(join(entry, modelName))) === model
  } catch {
    return false
  }
}

/** Makes an entry and, where there is too much then, removes others. @param write fills a folder with the files. */
export async function makeEntry(
  options: GraphCacheOptions,
  key: string,
  write: (folder: string) => Promise<void>,
): Promise<string> {
  const { folder } = options
  const entry = join(folder, key)
  const part = join(folder, `${key}.${randomUUID()}.part`)
  await mkdir(part, { recursive: true })
  try {
    await write(part)
    await writeFile(join(part, manifestName), JSON.stringify(await manifestOf(part)))
    await rename(part, entry).catch(async () => {
      // in the way is one that another process made meanwhile, which will do, or what is left of one
      if (await findEntry(options, key)) return
      await removeEntry(options, key)
      await rename(part, entry).catch(async (error) => {
        if (!(await findEntry(options, key))) throw error
      })
    })
  } finally {
    await rm(part, { recursive: true, force: true })
  }
  await shrink(options, key)
  return entry
}

/** Sizes, after everything has reached the disk. */
async function manifestOf(folder: string): Promise<Manifest> {
  const files: Record<string, number> = {}
  for (const name of await readdir(folder)) {
    const file = await open(join(folder, name), 'r+')
    try {
      await file.datasync()
      files[name] = (await file.stat()).size
    } finally {
      await file.close()
    }
  }
  return { files, model: digest(await readFile(join(folder, modelName))) }
}

/** Takes an entry away. Whoever has it open keeps it. */
export async function removeEntry({ folder }: Pick<GraphCacheOptions, 'folder'>, key: string): Promise<void> {
  const away = join(folder, `${key}.${randomUUID()}.part`)
  try {
    await rename(join(folder, key), away)
  } catch {
    return
  }
  // where a system does not let go of open files, the rest goes another time
  await rm(away, { recursive: true, force: true }).catch(() => {})
}

/** Removes what was not used for longest until the rest fits; the entry that was just made stays. */
async function shrink({ folder, maxBytes = defaultBytes }: GraphCacheOptions, kept: string): Promise<void> {
  const entries: { key: string; bytes: number; used: number }[] = []
  for (const key of await readdir(folder)) {
    const place = join(folder, key)
    if (key.endsWith('.part')) {
      const found = await stat(place).catch(() => undefined)
      if (found && Date.now() - found.mtimeMs > abandonedAfter)
        await rm(place, { recursive: true, force: true }).catch(() => {})
      continue
    }
    const manifest = await readManifest(place)
    const used = await stat(join(place, manifestName)).catch(() => undefined)
    if (!manifest || !used) continue
    const bytes = Object.values(manifest.files).reduce((sum, size) => sum + size, 0)
    entries.push({ key, bytes, used: used.mtimeMs })
  }
  let total = entries.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const { key, bytes } of entries.sort((a, b) => a.used - b.used)) {
    if (total <= maxBytes) return
    if (key === kept) continue
    await removeEntry({ folder }, key)
    total -= bytes
  }
}
