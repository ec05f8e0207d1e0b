/** A random number was asked for with a seed, stream, index, count or bound that the generator does not have. */
export class RandomRangeError extends Error {
  override readonly name = 'RandomRangeError'
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
