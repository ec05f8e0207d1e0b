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

/** An operation needs the numbers of a tensor that a graph left on its device, and cannot wait for them. */
export class DeviceTensorError extends Error {
  override readonly name = 'DeviceTensorError'
  readonly advice = 'Read it first, `await tensor.data()`; from then on it is a tensor like others.'

  constructor() {
    super('The numbers of this tensor lie on the device of the graph that made it.')
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

/** There is no memory for a graph, or for what it computes. */
export class RuntimeMemoryError extends Error {
  override readonly name = 'RuntimeMemoryError'
  readonly reason: string
  readonly advice = 'Use a smaller model or batch, or Node.'

  constructor(facts: { reason: string; cause?: unknown }) {
    super(`ONNX Runtime ran out of memory: ${facts.reason}.`, { cause: facts.cause })
    this.reason = facts.reason
  }
}

/** The device of ONNX Runtime refused what it was told, and went on. */
export class RuntimeFaultError extends Error {
  override readonly name = 'RuntimeFaultError'
  readonly reason: string
  readonly advice = "What was computed since may be wrong: use provider: 'wasm'."

  constructor(facts: { reason: string }) {
    super(`ONNX Runtime's device met a fault: ${facts.reason}.`)
    this.reason = facts.reason
  }
}

/** The device of ONNX Runtime was taken away. */
export class RuntimeLostError extends Error {
  override readonly name = 'RuntimeLostError'
  readonly reason: string
  readonly advice = "Load the page or start the worker again, or use provider: 'wasm'."

  constructor(facts: { reason: string }) {
    super(`ONNX Runtime lost its device: ${facts.reason}.`)
    this.reason = facts.reason
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

/** A result is to be held that the function does not have. */
export class UnknownResultError extends Error {
  override readonly name = 'UnknownResultError'
  readonly result: string
  readonly advice = 'Name results as the traced function does.'

  constructor(facts: { result: string; results: readonly string[] }) {
    super(`There is no result ${facts.result} to hold, only ${facts.results.join(', ')}.`)
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

/** A graph has an operator of ONNX Runtime that ONNX has no other form for. */
export class NonstandardOperatorError extends Error {
  override readonly name = 'NonstandardOperatorError'
  readonly operator: string
  readonly advice = 'Write the graph as it is, for ONNX Runtime alone.'

  constructor(facts: { operator: string }) {
    super(`${facts.operator} is an extension of ONNX Runtime that has no form in the operators of ONNX.`)
    this.operator = facts.operator
  }
}

/** A weight is outside of what float16 holds. */
export class WeightRangeError extends Error {
  override readonly name = 'WeightRangeError'
  readonly weight: string
  readonly value: number
  readonly advice = 'Keep the weights as float32.'

  constructor(facts: { weight: string; value: number }) {
    super(`${facts.weight} has the number ${facts.value}, float16 ends at ±65504.`)
    this.weight = facts.weight
    this.value = facts.value
  }
}

/** A graph does not fit into one file of ONNX. */
export class ModelTooLargeError extends Error {
  override readonly name = 'ModelTooLargeError'
  readonly bytes: number
  readonly advice = 'Write the weights beside the model.'

  constructor(facts: { bytes: number; limit: number }) {
    super(`The model has ${facts.bytes} bytes with its weights, an ONNX file ends at ${facts.limit}.`)
    this.bytes = facts.bytes
  }
}
