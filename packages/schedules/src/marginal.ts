import type { Schedule } from './schedule.ts'

/** Coefficients of q(x_t | x_0) and of its inverse, one entry a step. */
export interface MarginalTables {
  /** √ᾱ_t: x_0 in x_t. */
  readonly sqrtAlphasCumprod: Float64Array
  /** √(1−ᾱ_t): ε in x_t. */
  readonly sqrtOneMinusAlphasCumprod: Float64Array
  /** ln(1−ᾱ_t): log variance of x_t given x_0. */
  readonly logOneMinusAlphasCumprod: Float64Array
  /** 1/√ᾱ_t: x_t in x_0. */
  readonly sqrtRecipAlphasCumprod: Float64Array
  /** √(1/ᾱ_t − 1): what of ε to take away in x_0. */
  readonly sqrtRecipm1AlphasCumprod: Float64Array
}

/**
 * The forward process in one leap, and back from a predicted ε.
 *
 * x_t = √ᾱ_t x_0 + √(1−ᾱ_t) ε,   x_0 = x_t/√ᾱ_t − √(1/ᾱ_t − 1) ε
 *
 * @see Ho et al. 2020, eq. 4, https://arxiv.org/abs/2006.11239
 */
export function marginalTables({ alphasCumprod }: Schedule): MarginalTables {
  return {
    sqrtAlphasCumprod: alphasCumprod.map(Math.sqrt),
    sqrtOneMinusAlphasCumprod: alphasCumprod.map((level) => Math.sqrt(1 - level)),
    logOneMinusAlphasCumprod: alphasCumprod.map((level) => Math.log(1 - level)),
    sqrtRecipAlphasCumprod: alphasCumprod.map((level) => Math.sqrt(1 / level)),
    sqrtRecipm1AlphasCumprod: alphasCumprod.map((level) => Math.sqrt(1 / level - 1)),
  }
}
