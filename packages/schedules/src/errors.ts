/** A schedule was asked for with numbers that no schedule has. */
export class ScheduleRangeError extends Error {
  override readonly name = 'ScheduleRangeError'
  readonly parameter: string
  readonly value: unknown
  readonly advice: string

  constructor(facts: { parameter: string; value: unknown; expected: string; advice: string }) {
    super(`${facts.parameter} is ${written(facts.value)}, expected ${facts.expected}.`)
    this.parameter = facts.parameter
    this.value = facts.value
    this.advice = facts.advice
  }
}

/** A respacing was asked for that keeps more steps than there are, or no stride gives. */
export class RespacingImpossibleError extends Error {
  override readonly name = 'RespacingImpossibleError'
  /** The steps of the schedule that was to be respaced. */
  readonly steps: number
  /** The steps wanted from it, or from one section of it. */
  readonly wanted: number
  readonly advice: string

  constructor(facts: { steps: number; wanted: number; problem: string; advice: string }) {
    super(facts.problem)
    this.steps = facts.steps
    this.wanted = facts.wanted
    this.advice = facts.advice
  }
}

/** JSON as far as it goes: NaN and Infinity by their names instead of `null`. */
function written(value: unknown): string {
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
}
