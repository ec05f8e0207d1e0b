import { ScheduleRangeError } from './errors.ts'

/**
 * The forward process in numbers, one entry a step:
 *
 * q(x_t | x_{t−1}) = N(√(1−β_t) x_{t−1}, β_t I),   q(x_t | x_0) = N(√ᾱ_t x_0, (1−ᾱ_t) I),   ᾱ_t = Π_{s≤t} (1−β_s)
 *
 * A respaced schedule is a schedule like any other; only its `timesteps` tell where it comes from.
 */
export interface Schedule {
  /** Number of steps T. */
  readonly steps: number
  /** β_t, each in `(0, 1]`. */
  readonly betas: Float64Array
  /** ᾱ_t, falling from almost 1 towards 0. */
  readonly alphasCumprod: Float64Array
  /** ᾱ_{t−1}; 1 at the first step. */
  readonly alphasCumprodPrevious: Float64Array
  /** ᾱ_{t+1}; 0 at the last step. */
  readonly alphasCumprodNext: Float64Array
  /** What the network is told at each step: steps of the schedule that it was trained on. */
  readonly timesteps: Float64Array
  /** The scale of `timesteps`: number of steps of the schedule that the network was trained on. */
  readonly trainingSteps: number
}

/**
 * The schedule with these β.
 *
 * @throws {ScheduleRangeError} when there is no β, or one is not in `(0, 1]`.
 * @example
 * const schedule = scheduleFromBetas([0.01, 0.02, 0.05])
 */
export function scheduleFromBetas(betas: ArrayLike<number>): Schedule {
  requireSteps(betas.length)
  requireBetas(betas, 'Each β is the variance of the noise that one step adds to data of variance 1.')
  const alphasCumprod = new Float64Array(betas.length)
  let product = 1
  for (let step = 0; step < betas.length; step++) {
    product *= 1 - at(betas, step)
    alphasCumprod[step] = product
  }
  return completeSchedule({
    betas: Float64Array.from(betas),
    alphasCumprod,
    timesteps: Float64Array.from(betas, (_, step) => step),
    trainingSteps: betas.length,
  })
}

/**
 * The schedule that follows a signal level ᾱ(u), where u runs from 0 (data) to 1 (noise).
 *
 * β_t = min(1 − ᾱ((t+1)/T) / ᾱ(t/T), maxBeta)
 *
 * @throws {ScheduleRangeError} when ᾱ(u) does not fall, or leaves `[0, 1]`.
 * @example
 * const schedule = scheduleFromAlphaBar({ steps: 1000, alphaBar: (u) => (1 - u) ** 2 })
 */
export function scheduleFromAlphaBar(options: {
  readonly steps: number
  readonly alphaBar: (u: number) => number
  /** Largest β: keeps the last steps from destroying the whole signal at once. @default 0.999 */
  readonly maxBeta?: number
}): Schedule {
  const { steps, alphaBar, maxBeta = 0.999 } = options
  requireSteps(steps)
  if (!(maxBeta > 0 && maxBeta <= 1)) {
    throw new ScheduleRangeError({
      parameter: 'maxBeta',
      value: maxBeta,
      expected: 'a variance in (0, 1]',
      advice: 'The usual bound is 0.999.',
    })
  }
  const level = (u: number): number => {
    const value = alphaBar(u)
    if (value >= 0 && value <= 1) return value
    throw new ScheduleRangeError({
      parameter: `alphaBar(${u})`,
      value,
      expected: 'a signal level in [0, 1]',
      advice:
        'ᾱ(u) is the share of the variance that is still signal; it falls from 1 at u = 0 to 0 at u = 1.',
    })
  }
  const betas = Float64Array.from({ length: steps }, (_, step) =>
    Math.min(1 - level((step + 1) / steps) / level(step / steps), maxBeta),
  )
  requireBetas(
    betas,
    'ᾱ(u) must fall at every step: 1 − ᾱ((t+1)/T) / ᾱ(t/T) is the variance that step t adds.',
  )
  return scheduleFromBetas(betas)
}

/** The schedule with the tables that follow from the given ones. */
export function completeSchedule(
  tables: Pick<Schedule, 'betas' | 'alphasCumprod' | 'timesteps' | 'trainingSteps'>,
): Schedule {
  const { betas, alphasCumprod, timesteps, trainingSteps } = tables
  const steps = betas.length
  const alphasCumprodPrevious = new Float64Array(steps)
  alphasCumprodPrevious.set(alphasCumprod.subarray(0, -1), 1)
  alphasCumprodPrevious[0] = 1
  const alphasCumprodNext = new Float64Array(steps)
  alphasCumprodNext.set(alphasCumprod.subarray(1))
  return { steps, betas, alphasCumprod, alphasCumprodPrevious, alphasCumprodNext, timesteps, trainingSteps }
}

/** @throws {ScheduleRangeError} unless `steps` is a positive integer. */
export function requireSteps(steps: number): void {
  if (Number.isInteger(steps) && steps > 0) return
  throw new ScheduleRangeError({
    parameter: 'steps',
    value: steps,
    expected: 'a positive integer',
    advice: 'The published networks were trained on 1000 or 4000 steps.',
  })
}

/** @throws {ScheduleRangeError} for the first β that is not in `(0, 1]`, by its number. */
export function requireBetas(betas: ArrayLike<number>, advice: string): void {
  for (let step = 0; step < betas.length; step++) {
    const value = betas[step]
    if (typeof value === 'number' && value > 0 && value <= 1) continue
    throw new ScheduleRangeError({
      parameter: `betas[${step}]`,
      value,
      expected: 'a variance in (0, 1]',
      advice,
    })
  }
}

/** An element that is known to be there. */
export function at(numbers: ArrayLike<number>, index: number): number {
  return numbers[index] as number
}
