import { runCheckpoint } from './checkpoint-case.ts'
import { eager, type Run } from './computing.ts'
import { baseName, type CaseFiles } from './files.ts'
import { readPublished, runPublished } from './published-case.ts'
import { notCompared, type Result } from './result.ts'
import { runVector } from './vector-case.ts'

/** A case, ready to run on the backend that has been started. */
export interface Runnable {
  readonly name: string
  run(): Promise<Result>
}

/** Every case of a folder, by name. Files that belong to no case are cases that fail. */
export async function findCases(files: CaseFiles, run: Run = eager): Promise<Runnable[]> {
  const checkpoints = new Set(
    files.names.filter((name) => name.endsWith('.pt')).map((name) => name.slice(0, -3)),
  )
  const cases: Runnable[] = []
  for (const name of files.names) {
    const file = baseName(name)
    const stem = name.replace(/\.(safetensors|json)$/, '')
    if (file.startsWith('.') || file.endsWith('.md')) continue
    if (stem !== name && (checkpoints.has(stem) || file.startsWith('checkpoint-expected'))) continue
    if (file === 'published-models.json.gz') cases.push(...(await publishedCases(await files.read(name))))
    else if (file.endsWith('.pt')) cases.push({ name, run: () => runCheckpoint(files, name) })
    else if (file.endsWith('.safetensors'))
      cases.push({ name: stem, run: async () => runVector(stem, await files.read(name), run) })
    else cases.push({ name, run: async () => notCompared('failed', 'a file of unknown kind') })
  }
  return cases
}

async function publishedCases(bytes: Uint8Array): Promise<Runnable[]> {
  const listed = await readPublished(bytes)
  return [...listed].map(([name, entry]) => ({
    name: `published-models/${name}`,
    run: async () => runPublished(name, entry),
  }))
}
