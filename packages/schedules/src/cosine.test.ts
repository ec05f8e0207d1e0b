import { expect, test } from 'vitest'
import { cosineSchedule } from './cosine.ts'

test('ᾱ is the squared cosine, but for its value at 0 and the bounded last steps', () => {
  const level = (u: number): number => Math.cos(((u + 0.008) / 1.008) * (Math.PI / 2)) ** 2
  const { alphasCumprod, betas } = cosineSchedule({ steps: 1000 })
  for (let step = 0; step < 1000 && (betas[step] as number) < 0.999; step++) {
    expect(alphasCumprod[step]).toBeCloseTo(level((step + 1) / 1000) / level(0), 12)
  }
  expect(betas[999]).toBe(0.999)
})

test('a schedule of one step is one bounded β', () => {
  expect([...cosineSchedule({ steps: 1 }).betas]).toEqual([0.999])
})

test('the number of steps must be one', () => {
  expect(() => cosineSchedule({ steps: 0 })).toThrow(expect.objectContaining({ name: 'ScheduleRangeError' }))
})
