/** A command was asked for something that it can't do; the message says what was expected. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly advice: string

  constructor(message: string, advice: string) {
    super(message)
    this.advice = advice
  }
}

/** A weight file holds something other than what a command needs. */
export class WeightFileError extends Error {
  override readonly name = 'WeightFileError'
  readonly file: string
  readonly advice: string

  constructor({ file, problem, advice }: { file: string; problem: string; advice: string }) {
    super(`${file} ${problem}.`)
    this.file = file
    this.advice = advice
  }
}

/** A file or folder that a command is to write can't be written. */
export class OutputError extends Error {
  override readonly name = 'OutputError'
  readonly path: string
  readonly advice: string

  constructor(facts: { path: string; reason: string; cause?: unknown }) {
    super(`${facts.path} cannot be written: ${facts.reason}.`, { cause: facts.cause })
    this.path = facts.path
    this.advice = 'Name a place that may be written to and has room.'
  }
}
