import { ScheduleRangeError } from './errors.ts'
import { at, requireSteps, type Schedule } from './schedule.ts'

/**
 * Noise levels from `sigmaMax` down to `sigmaMin`, denser where they are small.
 *
 * σ_i = (σ_max^{1/ρ} + i/(n−1) (σ_min^{1/ρ} − σ_max^{1/ρ}))^ρ
 *
 * The end of sampling, σ = 0, is not in the list.
 *
 * @throws {ScheduleRangeError} unless 0 < σ_min ≤ σ_max and ρ > 0 are finite.
 * @see Karras et al. 2022, eq. 5, https://arxiv.org/abs/2206.00364
 */
export function karrasSigmas(options: {
  readonly steps: number
  readonly sigmaMin: number
  readonly sigmaMax: number
  /** Larger crowds the levels towards the small ones. @default 7 */
  readonly rho?: number
}): Float64Array {
  const { steps, sigmaMin, sigmaMax, rho = 7 } = options
  requireSteps(steps)
  requirePositive('rho', rho)
  requirePositive('sigmaMin', sigmaMin)
  requirePositive('sigmaMax', sigmaMax)
  if (sigmaMin > sigmaMax) {
    throw new ScheduleRangeError({
      parameter: 'sigmaMin',
      value: sigmaMin,
      expected: `at most sigmaMax, ${sigmaMax}`,
      advice: 'Sampling runs from sigmaMax down to sigmaMin.',
    })
  }
  const from = sigmaMax ** (1 / rho)
  const to = sigmaMin ** (1 / rho)
  const sigmas = Float64Array.from(
    { length: steps },
    (_, i) => (from + (i / (steps - 1)) * (to - from)) ** rho,
  )
  // The ends as they were given: a root and a power do not undo each other to the last digit.
  if (steps > 1) sigmas[steps - 1] = sigmaMin
  sigmas[0] = sigmaMax
  return sigmas
}

/** σ_t = √((1−ᾱ_t)/ᾱ_t), the noise beside a signal of full size, one entry a step; rises with t. */
export function sigmas({ alphasCumprod }: Schedule): Float64Array {
  return alphasCumprod.map((level) => Math.sqrt((1 - level) / level))
}

/**
 * The noise level at a timestep, between two steps along ln σ.
 *
 * @throws {ScheduleRangeError} when the timestep lies outside the schedule's, or between its last two steps where
 * the last is pure noise.
 */
export function sigmaAt(schedule: Schedule, timestep: number): number {
  const { timesteps, steps } = schedule
  const first = at(timesteps, 0)
  const last = at(timesteps, steps - 1)
  if (!(timestep >= first && timestep <= last)) {
    throw new ScheduleRangeError({
      parameter: 'timestep',
      value: timestep,
      expected: `a timestep in [${first}, ${last}]`,
      advice: 'The network knows no noise levels beyond the ends of its schedule.',
    })
  }
  const levels = sigmas(schedule)
  const below = lastAtMost(timesteps, timestep)
  if (at(timesteps, below) === timestep) return at(levels, below)
  requireFinite('timestep', timestep, at(levels, below + 1), at(timesteps, below))
  const share = (timestep - at(timesteps, below)) / (at(timesteps, below + 1) - at(timesteps, below))
  return Math.exp((1 - share) * Math.log(at(levels, below)) + share * Math.log(at(levels, below + 1)))
}

/**
 * The timestep at which the schedule has noise level `sigma`, between two steps along ln σ. Levels beyond the
 * schedule's give its first or its last timestep.
 *
 * @throws {ScheduleRangeError} when `sigma` is not a number of `[0, ∞]`, or lies between the last finite level and
 * the pure noise of the last step.
 */
export function timestepAt(schedule: Schedule, sigma: number): number {
  if (!(sigma >= 0)) {
    throw new ScheduleRangeError({
      parameter: 'sigma',
      value: sigma,
      expected: 'a noise level of 0 or more',
      advice: 'Take levels from karrasSigmas or sigmas.',
    })
  }
  const { timesteps, steps } = schedule
  const levels = sigmas(schedule)
  if (sigma <= at(levels, 0)) return at(timesteps, 0)
  if (sigma >= at(levels, steps - 1)) return at(timesteps, steps - 1)
  const below = lastAtMost(levels, sigma)
  requireFinite('sigma', sigma, at(levels, below + 1), at(levels, below))
  const low = Math.log(at(levels, below))
  const share = (Math.log(sigma) - low) / (Math.log(at(levels, below + 1)) - low)
  return (1 - share) * at(timesteps, below) + share * at(timesteps, below + 1)
}

/** Index of the last of the rising `numbers` that is not above `value`, by halving. */
function lastAtMost(numbers: Float64Array, value: number): number {
  let low = 0
  let high = numbers.length
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (at(numbers, middle) <= value) low = middle
    else high = middle
  }
  return low
}

/** Between the last finite level and ∞, where a schedule ends in pure noise, there is no ln σ to go along. */
function requireFinite(parameter: string, value: number, upperLevel: number, lower: number): void {
  if (upperLevel < Infinity) return
  throw new ScheduleRangeError({
    parameter,
    value,
    expected: `at most ${lower}, as the schedule ends in pure noise`,
    advice: 'Take levels from the schedule before zeroTerminalSnr.',
  })
}

function requirePositive(parameter: string, value: number): void {
  if (value > 0 && value < Infinity) return
  throw new ScheduleRangeError({
    parameter,
    value,
    expected: 'a positive number',
    advice: 'Usual values are ρ = 7 and σ from 80 down to 0.002.',
  })
}
