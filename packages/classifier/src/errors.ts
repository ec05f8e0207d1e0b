/** A label that names none of the classifier's classes. */
export class LabelRangeError extends Error {
  override readonly name = 'LabelRangeError'
  readonly label: number
  readonly classes: number
  readonly advice: string

  constructor(facts: { label: number; classes: number }) {
    super(`Label ${facts.label} names no class, expected a whole number from 0 to ${facts.classes - 1}.`)
    this.label = facts.label
    this.classes = facts.classes
    this.advice = 'Check that data set and classifier number the same classes.'
  }
}

/** Logits that are not as many for each label. */
export class LogitsCountError extends Error {
  override readonly name = 'LogitsCountError'
  readonly logits: number
  readonly labels: number
  readonly advice = 'Give the logits [B, K] row by row, and one label a row.'

  constructor(facts: { logits: number; labels: number }) {
    super(`There are ${facts.logits} logits for ${facts.labels} labels, expected one row of logits a label.`)
    this.logits = facts.logits
    this.labels = facts.labels
  }
}
