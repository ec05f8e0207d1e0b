import { expect, test } from 'vitest'
import { linearSchedule } from './linear.ts'

test('a thousand steps run from 0.0001 to 0.02 in equal strides', () => {
  const { betas } = linearSchedule({ steps: 1000 })
  expect(betas[0]).toBe(0.0001)
  expect(betas[999]).toBe(0.02)
  const stride = 0.0199 / 999
  betas.forEach((beta, step) => {
    expect(beta).toBeCloseTo(0.0001 + step * stride, 15)
  })
})

test('other lengths add about as much noise on the whole', () => {
  const last = (steps: number): number =>
    Math.log(linearSchedule({ steps }).alphasCumprod[steps - 1] as number)
  expect(last(4000)).toBeCloseTo(last(1000), 0)
  expect(last(250)).toBeCloseTo(last(1000), 0)
})

test('the bounds can be chosen', () => {
  const { betas } = linearSchedule({ steps: 1000, betaStart: 0.00085, betaEnd: 0.012 })
  expect([betas[0], betas[999]]).toEqual([0.00085, 0.012])
})

test('twenty steps are the fewest, where β ends at 1', () => {
  const { betas, alphasCumprod } = linearSchedule({ steps: 20 })
  expect(betas[19]).toBe(1)
  expect(alphasCumprod[19]).toBe(0)
  expect(() => linearSchedule({ steps: 19 })).toThrow(expect.objectContaining({ parameter: 'betas[18]' }))
})

test('eight steps are refused by the first β that is too large, with the reason and the remedy', () => {
  expect(() => linearSchedule({ steps: 8 })).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: betas[3] is 1.0785714285714285, expected a variance in (0, 1].]`,
  )
  expect(adviceOf(() => linearSchedule({ steps: 8 }))).toMatchInlineSnapshot(
    `"A linear schedule of 8 steps scales its β by 1000/8, here up to 2.5. It needs at least 20 steps; respace a longer one instead."`,
  )
})

test('a single step scales the first β, and is refused unless that fits', () => {
  expect([...linearSchedule({ steps: 1, betaStart: 0.0005 }).betas]).toEqual([0.5])
  expect(() => linearSchedule({ steps: 1, betaStart: 0.002 })).toThrow(
    expect.objectContaining({ parameter: 'betas[0]' }),
  )
})

test('bounds that are no variances are refused', () => {
  expect(() => linearSchedule({ steps: 100, betaStart: -1 })).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: betas[0] is -10, expected a variance in (0, 1].]`,
  )
  expect(adviceOf(() => linearSchedule({ steps: 100, betaStart: -1 }))).toMatchInlineSnapshot(
    `"betaStart and betaEnd are variances, such as 0.0001 and 0.02."`,
  )
  expect(() => linearSchedule({ steps: 100, betaEnd: Number.NaN })).toThrow(
    expect.objectContaining({ name: 'ScheduleRangeError' }),
  )
})

test.each([0, -5, 2.5, Number.NaN, Infinity])('%d steps are refused', (steps) => {
  expect(() => linearSchedule({ steps })).toThrow(
    expect.objectContaining({ parameter: 'steps', value: steps }),
  )
})

function adviceOf(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return (error as { advice: string }).advice
  }
  return undefined
}
