/** Options of a training run that contradict each other or name nothing. */
export class TrainingOptionError extends Error {
  override readonly name = 'TrainingOptionError'
  readonly option: string
  readonly value: unknown
  readonly advice: string

  constructor(facts: { option: string; value: unknown; expected: string; advice: string }) {
    super(`${facts.option} is ${shown(facts.value)}, expected ${facts.expected}.`)
    this.option = facts.option
    this.value = facts.value
    this.advice = facts.advice
  }
}

const shown = (value: unknown) => (typeof value === 'number' ? String(value) : JSON.stringify(value))

/** The loss or the gradient is no longer a number. */
export class TrainingDivergedError extends Error {
  override readonly name = 'TrainingDivergedError'
  readonly step: number
  readonly advice =
    'Resume from the last saved state with a lower learning rate, a longer warm-up or gradient clipping.'

  constructor(facts: { step: number; what: string; value: number }) {
    super(`Training diverged at step ${facts.step}: the ${facts.what} is ${facts.value}.`)
    this.step = facts.step
  }
}

/** A saved state that is not one of this run. */
export class TrainingStateError extends Error {
  override readonly name = 'TrainingStateError'
  readonly advice: string

  constructor(facts: { path: string; reason: string; advice: string }) {
    super(`${facts.path} cannot be resumed from: ${facts.reason}.`)
    this.advice = facts.advice
  }
}
