import type { Schedule } from './schedule.ts'

/** Signal-to-noise ratio ᾱ_t/(1−ᾱ_t), one entry a step. */
export function snr({ alphasCumprod }: Schedule): Float64Array {
  return alphasCumprod.map((level) => level / (1 - level))
}

/** λ_t = ½ ln(ᾱ_t/(1−ᾱ_t)), the time in which the ODE solvers count; falls with t. */
export function halfLogSnr({ alphasCumprod }: Schedule): Float64Array {
  return alphasCumprod.map((level) => 0.5 * (Math.log(level) - Math.log1p(-level)))
}
