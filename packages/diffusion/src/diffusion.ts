import {
  type MarginalTables,
  marginalTables,
  type PosteriorTables,
  posteriorTables,
  type Schedule,
} from '@guided-diffusion/schedules'
import { DiffusionOptionError } from './errors.ts'

const predictions = ['epsilon', 'x-start', 'v', 'previous-x'] as const
const variances = ['fixed-small', 'fixed-large', 'learned', 'learned-range'] as const

/** What the network predicts: the noise, the image, v = √ᾱ ε − √(1−ᾱ) x_0, or the mean of x_{t−1}. */
export type Prediction = (typeof predictions)[number]

/**
 * The variance of p_θ(x_{t−1} | x_t): the posterior's β̃ (`fixed-small`), β (`fixed-large`), a log variance that
 * the network predicts (`learned`), or its place between the logarithms of both (`learned-range`).
 */
export type Variance = (typeof variances)[number]

/** A schedule, and how to read the network's output. Plain data. */
export interface Diffusion {
  readonly schedule: Schedule
  readonly prediction: Prediction
  readonly variance: Variance
  readonly marginal: MarginalTables
  readonly posterior: PosteriorTables
}

/**
 * A diffusion process.
 *
 * @throws DiffusionOptionError when prediction or variance is none that exists.
 * @example
 * const diffusion = createDiffusion({
 *   schedule: cosineSchedule({ steps: 1000 }), prediction: 'epsilon', variance: 'learned-range',
 * })
 */
export function createDiffusion(options: {
  readonly schedule: Schedule
  readonly prediction: Prediction
  readonly variance: Variance
}): Diffusion {
  requireOneOf('prediction', options.prediction, predictions)
  requireOneOf('variance', options.variance, variances)
  return {
    ...options,
    marginal: marginalTables(options.schedule),
    posterior: posteriorTables(options.schedule),
  }
}

function requireOneOf(option: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return
  throw new DiffusionOptionError({
    option,
    value,
    expected: known.map((name) => `'${name}'`).join(' or '),
    advice: 'Choose what the network was trained for.',
  })
}

/** Whether the network's output has a second half of channels for the variance. */
export function learnsVariance(variance: Variance): boolean {
  return variance === 'learned' || variance === 'learned-range'
}
