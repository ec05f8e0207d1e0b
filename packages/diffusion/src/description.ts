import { cosineSchedule, linearSchedule, type Respacing, respace } from '@guided-diffusion/schedules'
import { createDiffusion, type Diffusion, type Prediction, type Variance } from './diffusion.ts'
import { DiffusionOptionError } from './errors.ts'

const schedules = new Map([
  ['linear', linearSchedule],
  ['cosine', cosineSchedule],
])

/** A process in words that fit beside weights: what a network was trained for. Plain JSON. */
export interface DiffusionDescription {
  readonly schedule: 'linear' | 'cosine'
  /** Number of steps that the network was trained on. */
  readonly steps: number
  readonly prediction: Prediction
  readonly variance: Variance
}

/**
 * The process of a description, on fewer steps where `respacing` says so.
 *
 * @throws DiffusionOptionError, and the errors of `@guided-diffusion/schedules`.
 * @example
 * const diffusion = describedDiffusion(
 *   { schedule: 'cosine', steps: 1000, prediction: 'v', variance: 'learned-range' }, 'ddim25')
 */
export function describedDiffusion(
  description: DiffusionDescription,
  respacing?: string | Respacing,
): Diffusion {
  const { steps, prediction, variance } = description
  const create = schedules.get(description.schedule)
  if (!create) {
    throw new DiffusionOptionError({
      option: 'schedule',
      value: description.schedule,
      expected: "'linear' or 'cosine'",
      advice: 'Build the process with createDiffusion for any other schedule.',
    })
  }
  const schedule = create({ steps })
  return createDiffusion({
    schedule: respacing === undefined ? schedule : respace(schedule, respacing),
    prediction,
    variance,
  })
}
