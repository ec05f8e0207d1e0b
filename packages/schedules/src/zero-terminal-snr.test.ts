import fc from '@guided-diffusion/tooling/properties'
import { expect, test } from 'vitest'
import { linearSchedule } from './linear.ts'
import { respace } from './respacing.ts'
import { scheduleFromBetas } from './schedule.ts'
import { zeroTerminalSnr } from './zero-terminal-snr.ts'

test('the first step stays, the last becomes pure noise', () => {
  const full = linearSchedule({ steps: 1000 })
  const stretched = zeroTerminalSnr(full)
  expect(stretched.alphasCumprod[0]).toBe(full.alphasCumprod[0])
  expect(stretched.alphasCumprod[999]).toBe(0)
  expect(stretched.betas[0]).toBe(1 - (full.alphasCumprod[0] as number))
  expect(stretched.betas[999]).toBe(1)
  expect(stretched.timesteps).toEqual(full.timesteps)
  expect(stretched.alphasCumprodPrevious[1]).toBe(full.alphasCumprod[0])
})

test('√ᾱ is mapped along a straight line', () => {
  const full = linearSchedule({ steps: 100 })
  const root = full.alphasCumprod.map(Math.sqrt)
  const stretched = zeroTerminalSnr(full).alphasCumprod.map(Math.sqrt)
  const slope =
    ((stretched[0] as number) - (stretched[1] as number)) / ((root[0] as number) - (root[1] as number))
  root.forEach((value, step) => {
    expect(stretched[step]).toBeCloseTo(slope * (value - (root[99] as number)), 12)
  })
})

test('the β belong to the ᾱ, all within (0, 1]', () => {
  const betas = fc.array(fc.double({ min: 1e-4, max: 0.5, noNaN: true }), { minLength: 2, maxLength: 60 })
  fc.assert(
    fc.property(betas, (betas) => {
      const stretched = zeroTerminalSnr(scheduleFromBetas(betas))
      const again = scheduleFromBetas(stretched.betas)
      again.alphasCumprod.forEach((level, step) => {
        expect(level).toBeCloseTo(stretched.alphasCumprod[step] as number, 12)
      })
    }),
  )
})

test('a respaced schedule can be stretched, as it is the last kept step that must be noise', () => {
  const fast = zeroTerminalSnr(respace(linearSchedule({ steps: 1000 }), '10'))
  expect(fast.alphasCumprod[9]).toBe(0)
  expect(fast.timesteps[9]).toBe(999)
})

test('a schedule that ends in noise already stays what it is', () => {
  const noise = zeroTerminalSnr(linearSchedule({ steps: 50 }))
  zeroTerminalSnr(noise).alphasCumprod.forEach((level, step) => {
    expect(level).toBeCloseTo(noise.alphasCumprod[step] as number, 14)
  })
})

test('a single step is refused', () => {
  expect(() => zeroTerminalSnr(scheduleFromBetas([0.5]))).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: steps is 1, expected at least 2.]`,
  )
})
