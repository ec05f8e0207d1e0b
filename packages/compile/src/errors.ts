/** An operation that the tracer cannot put into a graph. */
export class UntraceableOperationError extends Error {
  override readonly name = 'UntraceableOperationError'
  readonly operation: string
  readonly advice: string

  constructor(facts: { operation: string; reason: string; advice: string }) {
    super(`${facts.operation} cannot be traced: ${facts.reason}.`)
    this.operation = facts.operation
    this.advice = facts.advice
  }
}

/** A graph was run with inputs that it was not traced for. */
export class GraphInputError extends Error {
  override readonly name = 'GraphInputError'
  readonly input: string
  readonly advice: string

  constructor(facts: { input: string; actual: string; expected: string; advice: string }) {
    super(`Input ${facts.input} is ${facts.actual}, expected ${facts.expected}.`)
    this.input = facts.input
    this.advice = facts.advice
  }
}

/** ONNX Runtime is missing or refuses a graph. */
export class RuntimeUnavailableError extends Error {
  override readonly name = 'RuntimeUnavailableError'
  readonly reason: string
  readonly advice: string

  constructor(facts: { reason: string; advice: string; cause?: unknown }) {
    super(`ONNX Runtime can't run here: ${facts.reason}.`, { cause: facts.cause })
    this.reason = facts.reason
    this.advice = facts.advice
  }
}

/** A traced function returns a tensor that it has freed. */
export class DisposedResultError extends Error {
  override readonly name = 'DisposedResultError'
  readonly result: string
  readonly advice = 'Return it from the tidy that made it, or keep it.'

  constructor(facts: { result: string }) {
    super(`The result ${facts.result} of the traced function is disposed.`)
    this.result = facts.result
  }
}

/** A file of weights is not what a graph needs. */
export class WeightFileError extends Error {
  override readonly name = 'WeightFileError'
  readonly file: string
  readonly advice: string

  constructor(facts: { file: string; problem: string; advice: string }) {
    super(`${facts.file} ${facts.problem}.`)
    this.file = facts.file
    this.advice = facts.advice
  }
}
