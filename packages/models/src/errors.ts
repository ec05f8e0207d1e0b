/** A network was described by options that do not make a network. */
export class ModelConfigError extends Error {
  override readonly name = 'ModelConfigError'
  readonly parameter: string
  readonly value: unknown
  readonly advice: string

  constructor(facts: { parameter: string; value: unknown; expected: string; advice: string }) {
    super(`${facts.parameter} is ${shown(facts.value)}, expected ${facts.expected}.`)
    this.parameter = facts.parameter
    this.value = facts.value
    this.advice = facts.advice
  }
}

const shown = (value: unknown) => (typeof value === 'number' ? String(value) : JSON.stringify(value))

/** Tensors handed to a network do not have the shape or content it was built for. */
export class ModelInputError extends Error {
  override readonly name = 'ModelInputError'
  readonly input: string
  readonly advice: string

  constructor(facts: { input: string; actual: string; expected: string; advice: string }) {
    super(`${facts.input} is ${facts.actual}, expected ${facts.expected}.`)
    this.input = facts.input
    this.advice = facts.advice
  }
}

/** What is wrong with one tensor of a weight file. */
export interface WeightMismatch {
  readonly name: string
  /** The shape in the file; absent when the tensor is missing. */
  readonly actual?: readonly number[]
  /** The shape the network needs; absent when the tensor is not one of its own. */
  readonly expected?: readonly number[]
}

const listed = 8

/** Weights that do not fit the network: every missing, unexpected and mis-shaped tensor at once. */
export class WeightsMismatchError extends Error {
  override readonly name = 'WeightsMismatchError'
  readonly mismatches: readonly WeightMismatch[]
  readonly advice: string

  constructor(facts: { mismatches: readonly WeightMismatch[]; advice?: string }) {
    const lines = facts.mismatches.slice(0, listed).map(describeMismatch)
    const more = facts.mismatches.length - lines.length
    super(
      `The weights do not fit the network (${facts.mismatches.length} tensors): ${lines.join('; ')}${
        more > 0 ? `; and ${more} more` : ''
      }.`,
    )
    this.mismatches = facts.mismatches
    this.advice = facts.advice ?? 'Check that the configuration is the one the weights were trained with.'
  }
}

function describeMismatch({ name, actual, expected }: WeightMismatch): string {
  if (!actual) return `${name} is missing, expected [${expected}]`
  if (!expected) return `${name} [${actual}] is not part of it`
  return `${name} is [${actual}], expected [${expected}]`
}

/** No configuration explains the tensors of a file. */
export class UnknownArchitectureError extends Error {
  override readonly name = 'UnknownArchitectureError'
  readonly advice: string

  constructor(facts: { reason: string; advice: string }) {
    super(`The tensors do not describe a network of this family: ${facts.reason}.`)
    this.advice = facts.advice
  }
}
