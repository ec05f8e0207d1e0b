/** A file does not hold what its format says. */
export class DatasetFormatError extends Error {
  override readonly name = 'DatasetFormatError'
  /** The file, by its path or address, or what it was passed as. */
  readonly file: string
  readonly problem: string
  readonly advice: string

  constructor(facts: { file: string; problem: string; advice: string; cause?: unknown }) {
    super(`${facts.file}: ${facts.problem}.`, 'cause' in facts ? { cause: facts.cause } : undefined)
    this.file = facts.file
    this.problem = facts.problem
    this.advice = facts.advice
  }
}

/** A file could not be read at all. */
export class DatasetReadError extends Error {
  override readonly name = 'DatasetReadError'
  readonly file: string
  readonly advice: string

  constructor(facts: { file: string; problem: string; advice: string; cause?: unknown }) {
    super(
      `${facts.file} cannot be read: ${facts.problem}.`,
      'cause' in facts ? { cause: facts.cause } : undefined,
    )
    this.file = facts.file
    this.advice = facts.advice
  }
}

/** A number was passed that the data set or the batches cannot have. */
export class DatasetRangeError extends Error {
  override readonly name = 'DatasetRangeError'
  readonly parameter: string
  readonly value: unknown
  readonly advice: string

  constructor(facts: { parameter: string; value: unknown; expected: string; advice: string }) {
    super(`${facts.parameter} is ${String(facts.value)}, expected ${facts.expected}.`)
    this.parameter = facts.parameter
    this.value = facts.value
    this.advice = facts.advice
  }
}
