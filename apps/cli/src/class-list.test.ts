import { expect, test } from 'vitest'
import { parseClasses, spread } from './class-list.ts'

const classes = { count: 4, names: ['cat', 'Dog', '3', 'Snow Leopard'] }

test.each([
  ['all', [0, 1, 2, 3]],
  ['dog', [1]],
  ['CAT,snow leopard', [0, 3]],
  ['0, 1 ,1', [0, 1, 1]],
  // a name goes before a number
  ['3', [2]],
])('%s is %j', (text, labels) => {
  expect(parseClasses(text, classes)).toEqual(labels)
})

test.each([
  ['cat,bird', 'bird'],
  ['4', '4'],
  ['-1', '-1'],
  ['cat,', ''],
])('%s names a class that there is not', (text, missing) => {
  expect(() => parseClasses(text, classes)).toThrow(`There is no class "${missing}".`)
})

test('where there are many classes, or no names, the advice tells numbers', () => {
  const advice = (names: string[], count: number) => {
    try {
      return parseClasses('bird', { count, names })
    } catch (error) {
      return (error as { advice: string }).advice
    }
  }
  expect(advice(classes.names, 4)).toBe('Choose among cat, Dog, 3, Snow Leopard, or all.')
  expect(advice([], 10)).toBe('Choose among the numbers 0 to 9, or all.')
  expect(
    advice(
      Array.from({ length: 1000 }, (_, i) => `n${i}`),
      1000,
    ),
  ).toBe('Choose among the numbers 0 to 999, or all.')
})

test('images are spread over the classes: shares differ by one at most, those of a class stand together', () => {
  expect(spread([7, 3], 5)).toEqual([7, 7, 7, 3, 3])
  for (const [classCount, count] of [
    [10, 1000],
    [10, 16],
    [10, 4],
    [3, 7],
  ] as const) {
    const labels = Array.from({ length: classCount }, (_, i) => i)
    const given = spread(labels, count)
    const shares = labels.map((label) => given.filter((each) => each === label).length)
    expect(shares.reduce((a, b) => a + b)).toBe(count)
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1)
    expect(given).toEqual(given.toSorted((a, b) => a - b))
  }
})
