import { ScheduleRangeError } from './errors.ts'
import { at, completeSchedule, type Schedule } from './schedule.ts'

/**
 * The schedule stretched so that its last step is pure noise, and its first step as it was.
 *
 * √ᾱ'_t = (√ᾱ_t − √ᾱ_T) · √ᾱ_1 / (√ᾱ_1 − √ᾱ_T),   β'_t = 1 − ᾱ'_t/ᾱ'_{t−1}
 *
 * The last β becomes 1. At such a step ε says nothing of x_0: predict v or x_0.
 *
 * @throws {ScheduleRangeError} when the schedule has one step only.
 * @see Lin et al. 2023, algorithm 1, https://arxiv.org/abs/2305.08891
 */
export function zeroTerminalSnr(schedule: Schedule): Schedule {
  const { steps, alphasCumprod } = schedule
  if (steps < 2) {
    throw new ScheduleRangeError({
      parameter: 'steps',
      value: steps,
      expected: 'at least 2',
      advice: 'The first step stays and the last becomes pure noise; they cannot be the same step.',
    })
  }
  const first = Math.sqrt(at(alphasCumprod, 0))
  const last = Math.sqrt(at(alphasCumprod, steps - 1))
  const stretched = alphasCumprod.map((level) => (((Math.sqrt(level) - last) * first) / (first - last)) ** 2)
  stretched[0] = at(alphasCumprod, 0)
  const betas = stretched.map((level, step) => 1 - level / (step === 0 ? 1 : at(stretched, step - 1)))
  return completeSchedule({ ...schedule, betas, alphasCumprod: stretched })
}
