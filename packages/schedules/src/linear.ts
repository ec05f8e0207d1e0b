import { requireBetas, requireSteps, type Schedule, scheduleFromBetas } from './schedule.ts'

/**
 * β rises along a straight line from `betaStart` to `betaEnd`.
 *
 * β_t = (1000/T) (betaStart + (betaEnd − betaStart) t/(T−1))
 *
 * The bounds are those of 1000 steps; other lengths scale them by 1000/T, so that as much noise is added on the
 * whole. Follows the reference code; the paper that introduced the schedule knows T = 1000 only.
 *
 * @throws {ScheduleRangeError} when the scaled β leave `(0, 1]`, as they do with fewer than 20 steps.
 * @see Ho et al. 2020, section 4, https://arxiv.org/abs/2006.11239
 * @example
 * const schedule = linearSchedule({ steps: 1000 })
 */
export function linearSchedule(options: {
  readonly steps: number
  /** β of the first step. @default 0.0001 */
  readonly betaStart?: number
  /** β of the last step. @default 0.02 */
  readonly betaEnd?: number
}): Schedule {
  const { steps, betaStart = 0.0001, betaEnd = 0.02 } = options
  requireSteps(steps)
  const scale = 1000 / steps
  const start = scale * betaStart
  const end = scale * betaEnd
  const stride = steps > 1 ? (end - start) / (steps - 1) : 0
  const betas = Float64Array.from({ length: steps }, (_, step) => start + step * stride)
  if (steps > 1) betas[steps - 1] = end
  requireBetas(betas, adviceFor(steps, betaStart, betaEnd))
  return scheduleFromBetas(betas)
}

function adviceFor(steps: number, betaStart: number, betaEnd: number): string {
  const largest = Math.max(betaStart, betaEnd)
  if (!(betaStart > 0 && betaEnd > 0 && largest < Infinity)) {
    return 'betaStart and betaEnd are variances, such as 0.0001 and 0.02.'
  }
  const scale = 1000 / steps
  const enough = Math.ceil(1000 * largest)
  return (
    `A linear schedule of ${steps} steps scales its β by 1000/${steps}, here up to ${scale * largest}. ` +
    `It needs at least ${enough} steps; respace a longer one instead.`
  )
}
