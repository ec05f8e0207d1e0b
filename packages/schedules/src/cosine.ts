import { type Schedule, scheduleFromAlphaBar } from './schedule.ts'

/**
 * The signal level follows a squared cosine, which destroys small images more slowly than a linear schedule.
 *
 * ᾱ(u) = cos²(π/2 · (u + s)/(1 + s)),   s = 0.008,   β ≤ 0.999
 *
 * @throws {ScheduleRangeError} when `steps` is no positive integer.
 * @see Nichol & Dhariwal 2021, eq. 17, https://arxiv.org/abs/2102.09672
 * @example
 * const schedule = cosineSchedule({ steps: 4000 })
 */
export function cosineSchedule(options: { readonly steps: number }): Schedule {
  return scheduleFromAlphaBar({
    steps: options.steps,
    alphaBar: (u) => Math.cos((((u + 0.008) / 1.008) * Math.PI) / 2) ** 2,
  })
}
