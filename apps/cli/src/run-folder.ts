import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from './errors.ts'

/** The files of a training run. */
export interface RunFolder {
  /** What it was begun with, as JSON. */
  readonly config: string
  /** All that a resume needs. */
  readonly state: string
  /** A line of JSON now and then. */
  readonly metrics: string
  /** The network, to be sampled. */
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

/** Options of a run by name. */
export type RunConfig = Readonly<Record<string, unknown>>

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
 * Makes sure that a folder holds no run that a fresh one would destroy.
 *
 * @throws UsageError
 */
export function requireFresh(folder: string): void {
  if (!existsSync(runFolder(folder).state)) return
  throw new UsageError(
    `${folder} holds a training run already.`,
    'Go on with it by --resume, or name another folder.',
  )
}

/**
 * Options of the run in a folder, with those of the command line that a resume may change.
 *
 * @param kind what is to be trained; @param given what the command line says.
 * @throws UsageError when there is no run, or it is another one than is asked for.
 */
export async function resumedConfig(
  folder: string,
  kind: 'unet' | 'classifier',
  given: RunConfig,
): Promise<RunConfig> {
  const files = runFolder(folder)
  if (!existsSync(files.state) || !existsSync(files.config))
    throw new UsageError(`There is no run to resume in ${folder}.`, 'Leave --resume out to begin one.')
  const before = await readConfig(files.config)
  if (before.kind !== kind) {
    throw new UsageError(
      `The run in ${folder} trains a ${before.kind}, not a ${kind}.`,
      'Name the folder of the run that is to go on.',
    )
  }
  for (const [option, value] of Object.entries(given)) {
    if (changeable.has(option) || JSON.stringify(before[option]) === JSON.stringify(value)) continue
    throw new UsageError(
      `The run in ${folder} has ${option} ${shown(before[option])}, not ${shown(value)}.`,
      'Leave it out, or begin another run in another folder.',
    )
  }
  return { ...before, ...given }
}

async function readConfig(path: string): Promise<RunConfig> {
  try {
    const config: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof config === 'object' && config !== null && !Array.isArray(config)) return config as RunConfig
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new UsageError(
    `${path} does not hold the options of a run.`,
    'Restore it, or begin another run with --init of the weights beside it.',
  )
}

const shown = (value: unknown) => (value === undefined ? 'unset' : JSON.stringify(value))
