/**
 * What weight files of this program say beside the weights, as JSON under keys of the metadata: `diffusion`,
 * `classes`, `state`.
 */
import type { DiffusionDescription } from '@guided-diffusion/diffusion'
import { WeightFileError } from './errors.ts'

type Metadata = Readonly<Record<string, string>>

/** The metadata of a network that was trained here. */
export function trainedMetadata(diffusion: DiffusionDescription, classes: readonly string[]): Metadata {
  return {
    diffusion: JSON.stringify(diffusion),
    ...(classes.length > 0 ? { classes: JSON.stringify(classes) } : {}),
  }
}

const known: Readonly<Record<string, readonly string[]>> = {
  schedule: ['linear', 'cosine'],
  prediction: ['epsilon', 'x-start', 'v', 'previous-x'],
  variance: ['fixed-small', 'fixed-large', 'learned', 'learned-range'],
}

/**
 * The process that the network was trained for, if the file says.
 *
 * @throws WeightFileError when what it says is no process.
 */
export function readDiffusion(file: string, { diffusion: text }: Metadata): DiffusionDescription | undefined {
  if (text === undefined) return undefined
  const value = parsed(text) as (DiffusionDescription & Record<string, unknown>) | undefined
  const complete =
    typeof value === 'object' &&
    value !== null &&
    Number.isSafeInteger(value.steps) &&
    value.steps > 0 &&
    Object.entries(known).every(([key, choices]) => choices.includes(value[key] as string))
  if (complete) return value
  throw damaged(file, 'diffusion', 'a schedule, steps, a prediction and a variance')
}

/**
 * Names of the classes 0, 1, …; none where the file has none.
 *
 * @throws WeightFileError when what it says is no list of names.
 */
export function readNames(file: string, { classes: text }: Metadata): readonly string[] {
  if (text === undefined) return []
  const value = parsed(text)
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value
  throw damaged(file, 'classes', 'a list of names')
}

/** Where a saved state stands in its run. */
export interface TrainingProgress {
  readonly step: number
  /** Images seen. */
  readonly samples: number
  /** Decays of the averages of the weights that are kept. */
  readonly decays: readonly number[]
}

/** Where the state of a training run stands; undefined for other files. */
export function readTrainingProgress({ state: text }: Metadata): TrainingProgress | undefined {
  const value = text === undefined ? undefined : (parsed(text) as Partial<TrainingProgress> | undefined)
  if (!Number.isSafeInteger(value?.step) || !Array.isArray(value?.decays)) return undefined
  return { step: value.step as number, samples: value.samples as number, decays: value.decays }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function damaged(file: string, key: string, expected: string): WeightFileError {
  return new WeightFileError({
    file,
    problem: `has metadata "${key}" that are not ${expected}`,
    advice: 'The file is damaged or was not written by guided-diffusion train; get it again.',
  })
}
