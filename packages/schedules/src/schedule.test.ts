import fc from '@guided-diffusion/tooling/properties'
import { expect, test } from 'vitest'
import { type Schedule, scheduleFromAlphaBar, scheduleFromBetas } from './schedule.ts'

test('ᾱ is the running product of 1 − β', () => {
  const schedule = scheduleFromBetas([0.5, 0.25, 0.5])
  expect([...schedule.alphasCumprod]).toEqual([0.5, 0.375, 0.1875])
  expect([...schedule.alphasCumprodPrevious]).toEqual([1, 0.5, 0.375])
  expect([...schedule.alphasCumprodNext]).toEqual([0.375, 0.1875, 0])
  expect([...schedule.timesteps]).toEqual([0, 1, 2])
  expect(schedule.steps).toBe(3)
  expect(schedule.trainingSteps).toBe(3)
})

test('ᾱ never rises and stays within [0, 1)', () => {
  const betas = fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(betas, (betas) => {
      const { alphasCumprod, alphasCumprodPrevious } = scheduleFromBetas(betas)
      alphasCumprod.forEach((level, step) => {
        expect(level).toBeGreaterThanOrEqual(0)
        expect(level).toBeLessThan(1)
        expect(level).toBeLessThanOrEqual(alphasCumprodPrevious[step] as number)
      })
    }),
  )
})

test('the schedule keeps no hold of the list that it was made from', () => {
  const betas = Float64Array.of(0.1, 0.2)
  const schedule = scheduleFromBetas(betas)
  betas[0] = 0.9
  expect([...schedule.betas]).toEqual([0.1, 0.2])
})

test('β = 1 is allowed, and leaves nothing of the signal', () => {
  expect([...scheduleFromBetas([0.5, 1]).alphasCumprod]).toEqual([0.5, 0])
})

test('a schedule that follows ᾱ(u) has ᾱ((t+1)/T) at step t, where no β is bounded', () => {
  const schedule = scheduleFromAlphaBar({ steps: 50, alphaBar: (u) => (1 - 0.9 * u) ** 3 })
  schedule.alphasCumprod.forEach((level, step) => {
    expect(level).toBeCloseTo((1 - (0.9 * (step + 1)) / 50) ** 3, 14)
  })
})

test('a schedule that follows ᾱ(u) bounds β at 0.999, or where it is told to', () => {
  const alphaBar = (u: number): number => 1 - u
  expect(scheduleFromAlphaBar({ steps: 4, alphaBar }).betas[3]).toBe(0.999)
  expect(scheduleFromAlphaBar({ steps: 4, alphaBar, maxBeta: 0.5 }).betas[3]).toBe(0.5)
  expect(scheduleFromAlphaBar({ steps: 4, alphaBar, maxBeta: 1 }).alphasCumprod[3]).toBe(0)
})

test.each([
  [[0.1, 0, 0.2], 1],
  [[0.1, 0.2, 1.0000001], 2],
  [[-0.1], 0],
  [[0.1, Number.NaN], 1],
  [[0.1, Infinity], 1],
])('of the β %o the first outside (0, 1] is named', (betas, step) => {
  expect(() => scheduleFromBetas(betas)).toThrow(
    expect.objectContaining({ name: 'ScheduleRangeError', parameter: `betas[${step}]`, value: betas[step] }),
  )
})

test('refusals say what is and what was expected', () => {
  const rising = (): Schedule => scheduleFromAlphaBar({ steps: 4, alphaBar: (u) => 0.5 + u / 2 })
  expect(() => scheduleFromBetas([])).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: steps is 0, expected a positive integer.]`,
  )
  expect(() => scheduleFromBetas([0.1, Number.NaN])).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: betas[1] is NaN, expected a variance in (0, 1].]`,
  )
  expect(rising).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: betas[0] is -0.25, expected a variance in (0, 1].]`,
  )
  expect(rising).toThrow(expect.objectContaining({ advice: expect.stringContaining('must fall') }))
  expect(() => scheduleFromAlphaBar({ steps: 4, alphaBar: () => 2 })).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: alphaBar(0.25) is 2, expected a signal level in [0, 1].]`,
  )
  expect(() =>
    scheduleFromAlphaBar({ steps: 4, alphaBar: Math.cos, maxBeta: 2 }),
  ).toThrowErrorMatchingInlineSnapshot(`[ScheduleRangeError: maxBeta is 2, expected a variance in (0, 1].]`)
  expect(() => scheduleFromAlphaBar({ steps: 2.5, alphaBar: Math.cos })).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: steps is 2.5, expected a positive integer.]`,
  )
})
