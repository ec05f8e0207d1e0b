import { describe, expect, test } from 'vitest'
import { learningRate } from './learning-rate.ts'

const at = (options: Parameters<typeof learningRate>[0], steps: readonly number[]) => {
  const schedule = learningRate(options)
  return steps.map((step) => Number(schedule(step).toFixed(6)))
}

describe('the factor on the learning rate', () => {
  test('is 1 unless told otherwise', () => {
    expect(at({}, [0, 1, 1e6])).toEqual([1, 1, 1])
  })

  test('rises in equal steps and is 1 from the last of them', () => {
    expect(at({ warmup: 4 }, [0, 1, 2, 3, 4, 100])).toEqual([0.25, 0.5, 0.75, 1, 1, 1])
  })

  test('falls on a line, to the end and no further', () => {
    const options = { warmup: 2, anneal: 'linear', steps: 10 } as const
    expect(at(options, [0, 1, 2, 4, 6, 10, 11])).toEqual([0.5, 1, 1, 0.75, 0.5, 0, 0])
  })

  test('falls as a cosine', () => {
    const options = { anneal: 'cosine', steps: 12 } as const
    expect(at(options, [0, 4, 6, 8, 12])).toEqual([1, 0.75, 0.5, 0.25, 0])
  })

  test('falls to the final factor', () => {
    expect(at({ anneal: 'linear', steps: 10, final: 0.2 }, [0, 5, 10, 20])).toEqual([1, 0.6, 0.2, 0.2])
    expect(at({ anneal: 'cosine', steps: 10, final: 0.2 }, [0, 5, 10])).toEqual([1, 0.6, 0.2])
  })

  test('cannot fall without knowing the end', () => {
    expect(() => learningRate({ anneal: 'cosine' })).toThrowErrorMatchingInlineSnapshot(
      `[TrainingOptionError: steps is undefined, expected more steps than the warm-up of 0.]`,
    )
    expect(() =>
      learningRate({ anneal: 'linear', steps: 10, warmup: 10 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[TrainingOptionError: steps is 10, expected more steps than the warm-up of 10.]`,
    )
  })
})
