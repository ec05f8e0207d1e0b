import type { Schedule } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import type { Diffusion } from './diffusion.ts'
import { DiffusionOptionError } from './errors.ts'

const names = [
  'alphaCumprod',
  'alphaCumprodPrevious',
  'alphaCumprodNext',
  'sqrtAlphaCumprod',
  'sqrtOneMinusAlphaCumprod',
  'sqrtRecipAlphaCumprod',
  'sqrtRecipm1AlphaCumprod',
  'posteriorMeanCoef1',
  'posteriorMeanCoef2',
  'posteriorVariance',
  'posteriorLogVariance',
  'logBeta',
  'fixedLargeLogVariance',
  'notFirst',
] as const

/**
 * The numbers of a step that tensors are multiplied by, one for each sample: `[B, 1, 1, 1]`.
 * Computed in float64, rounded once. Everything else in a step is a function of tensors, so that it can be traced.
 *
 * ᾱ_t, ᾱ_{t−1}, ᾱ_{t+1}, √ᾱ, √(1−ᾱ), 1/√ᾱ, √(1/ᾱ−1), the posterior's coefficients of x_0 and x_t, its variance (0 at
 * step 0) and log variance (at step 0 that of step 1), ln β, ln of the larger fixed variance, and `notFirst`: 0 at
 * step 0, where no noise is added, else 1.
 */
export type Coefficients = Readonly<Record<(typeof names)[number], tf.Tensor4D>>

/** The names in the order of `coefficientRow`. */
export const coefficientNames: readonly (keyof Coefficients)[] = names

/** The coefficients of step t (an index into the schedule), in the order of `coefficientNames`. */
export function coefficientRow(diffusion: Diffusion, t: number): number[] {
  const { schedule, posterior } = diffusion
  requireStep(schedule, t)
  const at = (table: Float64Array, index = t) => table[index] as number
  const alphaCumprod = at(schedule.alphasCumprod)
  const large = t === 0 && schedule.steps > 1 ? at(posterior.posteriorVariance, 1) : at(schedule.betas)
  return [
    alphaCumprod,
    at(schedule.alphasCumprodPrevious),
    at(schedule.alphasCumprodNext),
    Math.sqrt(alphaCumprod),
    Math.sqrt(1 - alphaCumprod),
    Math.sqrt(1 / alphaCumprod),
    Math.sqrt(1 / alphaCumprod - 1),
    at(posterior.posteriorMeanCoef1),
    at(posterior.posteriorMeanCoef2),
    at(posterior.posteriorVariance),
    at(posterior.posteriorLogVarianceClipped),
    Math.log(at(schedule.betas)),
    Math.log(large),
    t === 0 ? 0 : 1,
  ]
}

/** The coefficients of one step a sample. Yours to dispose, as a tidy does. */
export function coefficients(diffusion: Diffusion, t: ArrayLike<number>): Coefficients {
  const rows = Array.from(t, (step) => coefficientRow(diffusion, step))
  return coefficientsFrom(
    names.map((_, i) =>
      tf.tensor4d(
        rows.map((row) => row[i] as number),
        [rows.length, 1, 1, 1],
      ),
    ),
  )
}

/** The same as one tensor `[n, B]`, rows in the order of `coefficientNames`. Yours to dispose. */
export function coefficientTable(diffusion: Diffusion, t: ArrayLike<number>): tf.Tensor2D {
  const rows = Array.from(t, (step) => coefficientRow(diffusion, step))
  return tf.tensor2d(names.map((_, i) => rows.map((row) => row[i] as number)))
}

/** The record from tensors in the order of `coefficientNames`. */
export function coefficientsFrom(tensors: readonly tf.Tensor4D[]): Coefficients {
  return Object.fromEntries(names.map((name, i) => [name, tensors[i]])) as unknown as Coefficients
}

function requireStep(schedule: Schedule, t: number): void {
  if (Number.isInteger(t) && t >= 0 && t < schedule.steps) return
  throw new DiffusionOptionError({
    option: 't',
    value: t,
    expected: `a step of the schedule, 0 to ${schedule.steps - 1}`,
    advice: 'Steps count from the data (0) to the noise.',
  })
}
