import { expect, test } from 'vitest'
import { scheduleFromBetas } from './schedule.ts'
import { halfLogSnr, snr } from './snr.ts'

test('a signal of 3/4 has three times the variance of its noise', () => {
  const schedule = scheduleFromBetas([0.25, 2 / 3])
  expect(snr(schedule)[0]).toBe(3)
  expect(snr(schedule)[1]).toBeCloseTo(1 / 3, 14)
  expect(halfLogSnr(schedule)[0]).toBeCloseTo(Math.log(3) / 2, 14)
  expect(halfLogSnr(schedule)[1]).toBeCloseTo(-Math.log(3) / 2, 14)
})

test('pure noise has no signal at all', () => {
  const schedule = scheduleFromBetas([0.5, 1])
  expect(snr(schedule)[1]).toBe(0)
  expect(halfLogSnr(schedule)[1]).toBe(-Infinity)
})
