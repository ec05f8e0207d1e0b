/** A guidance was asked for with options that do not make one. */
export class GuidanceOptionError extends Error {
  override readonly name = 'GuidanceOptionError'
  readonly option: string
  readonly value: unknown
  readonly advice: string

  constructor(facts: { option: string; value: unknown; expected: string; advice: string }) {
    super(`${facts.option} is ${written(facts.value)}, expected ${facts.expected}.`)
    this.option = facts.option
    this.value = facts.value
    this.advice = facts.advice
  }
}

/** A guidance towards classes ran without knowing which. */
export class MissingLabelsError extends Error {
  override readonly name = 'MissingLabelsError'
  readonly advice = 'Give labels to sample or generate: one class an image.'

  constructor() {
    super('Guidance towards a class needs labels, and the run has none.')
  }
}

/** A value as a message shows it: JSON alone would make null of NaN and of the infinities. */
function written(value: unknown): string {
  const text = JSON.stringify(value, (_, part) =>
    typeof part === 'number' && !Number.isFinite(part) ? String(part) : part,
  )
  return text.replace(/"(NaN|-?Infinity)"/g, '$1')
}
