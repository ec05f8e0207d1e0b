import { RespacingImpossibleError, ScheduleRangeError } from './errors.ts'
import { at, completeSchedule, type Schedule } from './schedule.ts'

/** Which steps to keep. */
export type Respacing =
  /** So many steps, a whole number of steps apart, from the first on: what `'ddim25'` says. */
  | { readonly stride: number }
  /** Equal sections with so many steps from each, evenly spread: what `'25'` and `'10,15,20'` say. */
  | { readonly sections: readonly number[] }
  /** These very steps, rising. */
  | { readonly steps: readonly number[] }

/**
 * A respacing from its usual spelling: `'ddim25'`, `'250'` or `'10,15,20'`.
 *
 * @throws {ScheduleRangeError} when it is none of these.
 */
export function parseRespacing(text: string): Respacing {
  const stride = /^ddim(\d+)$/.exec(text)?.[1]
  if (stride !== undefined) return { stride: Number(stride) }
  if (/^\s*\d+\s*(,\s*\d+\s*)*$/.test(text)) return { sections: text.split(',').map(Number) }
  throw new ScheduleRangeError({
    parameter: 'respacing',
    value: text,
    expected: "'ddimN', 'N' or 'N,N,…'",
    advice:
      "'ddim25' keeps 25 steps a whole stride apart, '25' spreads them over all, '10,15' over two halves.",
  })
}

/**
 * The steps that a respacing keeps of a schedule of `steps` steps, rising.
 *
 * @throws {RespacingImpossibleError} when there are too few steps, or no whole stride gives that many.
 * @throws {ScheduleRangeError} when the respacing is malformed.
 */
export function keepSteps(steps: number, respacing: string | Respacing): number[] {
  const parsed = typeof respacing === 'string' ? parseRespacing(respacing) : respacing
  const kept =
    'stride' in parsed
      ? byStride(steps, parsed.stride)
      : 'sections' in parsed
        ? bySections(steps, parsed.sections)
        : bySteps(steps, parsed.steps)
  if (kept.length > 0) return kept
  throw new ScheduleRangeError({
    parameter: 'respacing',
    value: respacing,
    expected: 'one step or more',
    advice: 'Sampling needs at least one step.',
  })
}

/**
 * The schedule of the kept steps only. ᾱ stays what it was at each of them; β becomes the noise of the whole gap:
 *
 * β'_i = 1 − ᾱ_{t_i}/ᾱ_{t_{i−1}}
 *
 * `timesteps` go on naming the steps that the network was trained on.
 *
 * @throws {RespacingImpossibleError} when there are too few steps, or no whole stride gives that many.
 * @throws {ScheduleRangeError} when the respacing is malformed.
 * @see Nichol & Dhariwal 2021, section 4, https://arxiv.org/abs/2102.09672
 * @example
 * const fast = respace(linearSchedule({ steps: 1000 }), 'ddim25')
 */
export function respace(schedule: Schedule, respacing: string | Respacing): Schedule {
  const kept = keepSteps(schedule.steps, respacing)
  const alphasCumprod = Float64Array.from(kept, (step) => at(schedule.alphasCumprod, step))
  const betas = Float64Array.from(kept, (_, i) => {
    const previous = i === 0 ? 1 : at(alphasCumprod, i - 1)
    // Once the signal is gone every variance fits; 1 says so without 0/0.
    return previous === 0 ? 1 : 1 - at(alphasCumprod, i) / previous
  })
  const timesteps = Float64Array.from(kept, (step) => at(schedule.timesteps, step))
  return completeSchedule({ betas, alphasCumprod, timesteps, trainingSteps: schedule.trainingSteps })
}

/**
 * The same schedule with timesteps as if training had had 1000 steps: t · 1000/T. Some networks are told these. A
 * second time changes nothing.
 */
export function rescaleTimesteps(schedule: Schedule): Schedule {
  const scale = 1000 / schedule.trainingSteps
  return { ...schedule, timesteps: schedule.timesteps.map((t) => t * scale), trainingSteps: 1000 }
}

function byStride(steps: number, wanted: number): number[] {
  requireCount(wanted)
  if (wanted === 0) return []
  for (let stride = 1; stride < steps; stride++) {
    if (Math.ceil(steps / stride) !== wanted) continue
    return Array.from({ length: wanted }, (_, i) => i * stride)
  }
  throw new RespacingImpossibleError({
    steps,
    wanted,
    problem: `No whole stride takes exactly ${wanted} of ${steps} steps.`,
    advice:
      wanted > steps
        ? `Keep at most ${steps} steps, or respace a longer schedule.`
        : `Ask for '${wanted}' instead of 'ddim${wanted}': it spreads the steps by rounding.`,
  })
}

function bySections(steps: number, sections: readonly number[]): number[] {
  const size = Math.floor(steps / sections.length)
  const larger = steps % sections.length
  const kept: number[] = []
  let first = 0
  sections.forEach((wanted, section) => {
    requireCount(wanted)
    const available = section < larger ? size + 1 : size
    if (wanted > available) {
      throw new RespacingImpossibleError({
        steps,
        wanted,
        problem:
          sections.length === 1
            ? `${wanted} steps cannot be kept of ${steps}.`
            : `${wanted} steps cannot be kept of section ${section}, which has ${available} of the ${steps} steps.`,
        advice: `Keep at most ${available} steps there, or respace a longer schedule.`,
      })
    }
    const stride = wanted > 1 ? (available - 1) / (wanted - 1) : 1
    // The position is summed up, not multiplied, and halves go to the even side: both decide single steps.
    let position = 0
    for (let i = 0; i < wanted; i++) {
      kept.push(first + roundHalfEven(position))
      position += stride
    }
    first += available
  })
  return kept
}

function bySteps(steps: number, kept: readonly number[]): number[] {
  kept.forEach((step, i) => {
    const lowest = i === 0 ? 0 : at(kept, i - 1) + 1
    if (Number.isInteger(step) && step >= lowest && step < steps) return
    throw new ScheduleRangeError({
      parameter: `steps[${i}]`,
      value: step,
      expected: `an integer in [${lowest}, ${steps})`,
      advice: 'List the kept steps in rising order, each once, counted from 0.',
    })
  })
  return [...kept]
}

function requireCount(value: number): void {
  if (Number.isInteger(value) && value >= 0) return
  throw new ScheduleRangeError({
    parameter: 'respacing',
    value,
    expected: 'a number of steps',
    advice: 'Count steps in whole numbers.',
  })
}

function roundHalfEven(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1
}
