import { readdir } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'
import { runCheckpoint } from './checkpoint-case.ts'
import { eager, type Run } from './computing.ts'
import { readPublished, runPublished } from './published-case.ts'
import { notCompared, type Result } from './result.ts'
import { runVector } from './vector-case.ts'

/** A case, ready to run on the backend that has been started. */
export interface Runnable {
  readonly name: string
  run(): Promise<Result>
}

/** Every case under a folder, by name. Files that belong to no case are cases that fail. */
export async function findCases(folder: string, run: Run = eager): Promise<Runnable[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const checkpoints = new Set(paths.filter((path) => path.endsWith('.pt')).map((path) => path.slice(0, -3)))
  const cases: Runnable[] = []
  for (const path of paths.sort()) {
    const file = basename(path)
    const name = relative(folder, path).split(sep).join('/')
    const stem = path.replace(/\.(safetensors|json)$/, '')
    if (file.startsWith('.') || file.endsWith('.md')) continue
    if (stem !== path && (checkpoints.has(stem) || file.startsWith('checkpoint-expected'))) continue
    if (file === 'published-models.json.gz') cases.push(...(await publishedCases(path)))
    else if (file.endsWith('.pt')) cases.push({ name, run: () => runCheckpoint(path) })
    else if (file.endsWith('.safetensors')) {
      const short = name.replace(/\.safetensors$/, '')
      cases.push({ name: short, run: () => runVector(short, path, run) })
    } else cases.push({ name, run: async () => notCompared('failed', 'a file of unknown kind') })
  }
  return cases
}

async function publishedCases(path: string): Promise<Runnable[]> {
  const listed = await readPublished(path)
  return [...listed].map(([name, entry]) => ({
    name: `published-models/${name}`,
    run: async () => runPublished(name, entry),
  }))
}
