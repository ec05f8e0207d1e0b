import { existsSync } from 'node:fs'
import { appendFile, mkdir, readFile, rename, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from './errors.ts'

/** The files of a training run. */
export interface RunFolder {
  readonly config: string
  readonly state: string
  readonly metrics: string
  readonly weights: string
}

export function runFolder(folder: string): RunFolder {
  return {
    config: join(folder, 'config.json'),
    state: join(folder, 'state.safetensors'),
    metrics: join(folder, 'metrics.jsonl'),
    weights: join(folder, 'model.safetensors'),
  }
}

/** Options that a resumed run may change: they decide how long and how, not what. */
const changeable = new Set([
  'steps',
  'learningRate',
  'warmup',
  'anneal',
  'saveEvery',
  'logEvery',
  'engine',
  'data',
])

/**
 * Makes the folder of a fresh run, or checks that a resumed one is asked for what it began with.
 *
 * @throws UsageError when the folder holds a run and `resume` is not set, or the options contradict it.
 */
export async function openRun(
  folder: string,
  config: Readonly<Record<string, unknown>>,
  resume: boolean,
): Promise<RunFolder> {
  const files = runFolder(folder)
  if (!resume) {
    if (existsSync(files.state)) {
      throw new UsageError(
        `${folder} holds a training run already.`,
        'Go on with it by --resume, or name another folder.',
      )
    }
    await mkdir(folder, { recursive: true })
    await writeBeside(files.config, `${JSON.stringify(config, null, 2)}\n`)
    return files
  }
  if (!existsSync(files.state)) {
    throw new UsageError(`There is no run to resume in ${folder}.`, 'Leave --resume out to begin one.')
  }
  const before = JSON.parse(await readFile(files.config, 'utf8')) as Record<string, unknown>
  for (const [option, value] of Object.entries(config)) {
    if (changeable.has(option) || JSON.stringify(before[option]) === JSON.stringify(value)) continue
    throw new UsageError(
      `The run in ${folder} has ${option} ${JSON.stringify(before[option])}, not ${JSON.stringify(value)}.`,
      'Resume with the options of its config.json.',
    )
  }
  await writeBeside(files.config, `${JSON.stringify(config, null, 2)}\n`)
  return files
}

/** Cuts off what was logged after the saved state: those steps are made again. */
export async function rewindMetrics(path: string, step: number): Promise<void> {
  if (!existsSync(path)) return
  const lines = (await readFile(path, 'utf8')).split('\n')
  let length = 0
  for (const line of lines) {
    if (line === '' || (JSON.parse(line) as { step: number }).step > step) break
    length += Buffer.byteLength(line) + 1
  }
  await truncate(path, length)
}

export function appendMetrics(path: string, line: Readonly<Record<string, unknown>>): Promise<void> {
  return appendFile(path, `${JSON.stringify(line)}\n`)
}

/** Writes a whole file or none. */
export async function writeBeside(path: string, content: string | Uint8Array): Promise<void> {
  const beside = `${path}.${process.pid}.part`
  await writeFile(beside, content)
  await rename(beside, path)
}
