import { LabelRangeError, LogitsCountError } from './errors.ts'

/**
 * Which rows have their label among the k largest logits; ties count for the label.
 *
 * @param logits `[B, K]`, row by row.
 * @throws LabelRangeError when a label is not one of the K classes; LogitsCountError.
 */
export function topKCorrect(logits: Float32Array, labels: ArrayLike<number>, k = 1): boolean[] {
  const classes = logits.length / labels.length
  if (labels.length === 0 || classes === 0 || !Number.isInteger(classes))
    throw new LogitsCountError({ logits: logits.length, labels: labels.length })
  return Array.from(labels, (label, row) => {
    if (!Number.isInteger(label) || label < 0 || label >= classes)
      throw new LabelRangeError({ label, classes })
    const scores = logits.subarray(row * classes, (row + 1) * classes)
    const own = scores[label] as number
    return scores.reduce((above, score) => above + (score > own ? 1 : 0), 0) < k
  })
}

/** The share of rows whose label is among the k largest logits, in [0, 1]. */
export function topKAccuracy(logits: Float32Array, labels: ArrayLike<number>, k = 1): number {
  const correct = topKCorrect(logits, labels, k)
  return correct.filter(Boolean).length / correct.length
}
