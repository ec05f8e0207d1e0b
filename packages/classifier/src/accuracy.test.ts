import { describe, expect, test } from 'vitest'
import { topKAccuracy, topKCorrect } from './accuracy.ts'

/** Rows of four logits. */
const logits = Float32Array.of(0.1, 3, 2, -1, 5, 5, 1, 0, -4, -3, -2, -1)

describe('the k best classes', () => {
  test('are those of the largest logits of each row', () => {
    expect(topKCorrect(logits, [1, 0, 3])).toEqual([true, true, true])
    expect(topKCorrect(logits, [2, 2, 0])).toEqual([false, false, false])
    expect(topKCorrect(logits, [2, 2, 0], 2)).toEqual([true, false, false])
    expect(topKCorrect(logits, [2, 2, 0], 3)).toEqual([true, true, false])
    expect(topKCorrect(logits, [2, 2, 0], 4)).toEqual([true, true, true])
  })

  test('count a tie for the label', () => {
    expect(topKCorrect(logits, [1, 1, 3])).toEqual([true, true, true])
    expect(topKCorrect(new Float32Array(8), [3, 0])).toEqual([true, true])
  })

  test('give the share of rows that are right', () => {
    expect(topKAccuracy(logits, [1, 0, 0])).toBeCloseTo(2 / 3)
    expect(topKAccuracy(logits, Int32Array.of(2, 2, 0), 2)).toBeCloseTo(1 / 3)
    expect(topKAccuracy(logits, [1, 0, 3])).toBe(1)
  })

  test('do not depend on a constant that all logits of a row have more', () => {
    const shifted = logits.map((value, i) => value + (i < 4 ? 100 : -7))
    for (const k of [1, 2, 3])
      expect(topKCorrect(shifted, [2, 2, 0], k)).toEqual(topKCorrect(logits, [2, 2, 0], k))
  })

  test('refuse a label that is none of the classes', () => {
    expect(() => topKCorrect(logits, [1, 4, 0])).toThrowErrorMatchingInlineSnapshot(
      `[LabelRangeError: Label 4 names no class, expected a whole number from 0 to 3.]`,
    )
    expect(() => topKCorrect(logits, [-1, 0, 0])).toThrowErrorMatchingInlineSnapshot(
      `[LabelRangeError: Label -1 names no class, expected a whole number from 0 to 3.]`,
    )
    expect(() => topKAccuracy(logits, [0.5, 0, 0])).toThrowErrorMatchingInlineSnapshot(
      `[LabelRangeError: Label 0.5 names no class, expected a whole number from 0 to 3.]`,
    )
  })
  test('refuse logits that are no whole rows, and none at all', () => {
    expect(() => topKCorrect(logits, [1, 0, 3, 2, 1])).toThrowErrorMatchingInlineSnapshot(
      `[LogitsCountError: There are 12 logits for 5 labels, expected one row of logits a label.]`,
    )
    expect(() => topKAccuracy(logits, [])).toThrowErrorMatchingInlineSnapshot(
      `[LogitsCountError: There are 12 logits for 0 labels, expected one row of logits a label.]`,
    )
  })
})
