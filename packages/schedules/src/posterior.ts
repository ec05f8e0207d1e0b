import { at, type Schedule } from './schedule.ts'

/** Coefficients of q(x_{t−1} | x_t, x_0), one entry a step. */
export interface PosteriorTables {
  /** Of x_0 in the mean: √ᾱ_{t−1} β_t/(1−ᾱ_t). */
  readonly posteriorMeanCoef1: Float64Array
  /** Of x_t in the mean: √(1−β_t) (1−ᾱ_{t−1})/(1−ᾱ_t). */
  readonly posteriorMeanCoef2: Float64Array
  /** β̃_t = β_t (1−ᾱ_{t−1})/(1−ᾱ_t); 0 at the first step. */
  readonly posteriorVariance: Float64Array
  /** ln β̃_t, at the first step that of the second: ln 0 is no number to compute with. */
  readonly posteriorLogVarianceClipped: Float64Array
}

/**
 * The posterior of the forward process.
 *
 * q(x_{t−1} | x_t, x_0) = N(coef1 x_0 + coef2 x_t, β̃_t I)
 *
 * In a schedule of a single step, which has no second one, the clipped log variance is ln β.
 *
 * @see Ho et al. 2020, eq. 6 and 7, https://arxiv.org/abs/2006.11239
 */
export function posteriorTables(schedule: Schedule): PosteriorTables {
  const { betas, alphasCumprod, alphasCumprodPrevious } = schedule
  const table = (of: (beta: number, level: number, previous: number) => number): Float64Array =>
    betas.map((beta, step) => of(beta, at(alphasCumprod, step), at(alphasCumprodPrevious, step)))
  const posteriorVariance = table((beta, level, previous) => (beta * (1 - previous)) / (1 - level))
  const posteriorLogVarianceClipped = posteriorVariance.map(Math.log)
  posteriorLogVarianceClipped[0] = posteriorLogVarianceClipped[1] ?? Math.log(at(betas, 0))
  return {
    posteriorMeanCoef1: table((beta, level, previous) => (beta * Math.sqrt(previous)) / (1 - level)),
    posteriorMeanCoef2: table(
      (beta, level, previous) => ((1 - previous) * Math.sqrt(1 - beta)) / (1 - level),
    ),
    posteriorVariance,
    posteriorLogVarianceClipped,
  }
}
