import fc from '@guided-diffusion/tooling/properties'
import { expect, test } from 'vitest'
import { karrasSigmas, sigmaAt, sigmas, timestepAt } from './karras.ts'
import { linearSchedule } from './linear.ts'
import { respace } from './respacing.ts'
import { zeroTerminalSnr } from './zero-terminal-snr.ts'

const full = linearSchedule({ steps: 1000 })

test('the grid runs from the largest level to the smallest, evenly in σ^(1/ρ)', () => {
  const grid = karrasSigmas({ steps: 18, sigmaMin: 0.002, sigmaMax: 80 })
  expect(grid).toHaveLength(18)
  expect([grid[0], grid[17]]).toEqual([80, 0.002])
  const roots = grid.map((sigma) => sigma ** (1 / 7))
  for (let i = 1; i < 18; i++) {
    expect((roots[i - 1] as number) - (roots[i] as number)).toBeCloseTo(
      (80 ** (1 / 7) - 0.002 ** (1 / 7)) / 17,
      12,
    )
  }
  // Karras et al.'s own 18 steps begin so.
  expect(grid[1]).toBeCloseTo(57.586, 3)
})

test('ρ = 1 is an even grid, a single step the largest level', () => {
  expect([...karrasSigmas({ steps: 3, sigmaMin: 1, sigmaMax: 3, rho: 1 })]).toEqual([3, 2, 1])
  expect([...karrasSigmas({ steps: 1, sigmaMin: 1, sigmaMax: 3 })]).toEqual([3])
})

test('σ² is the noise for each part of signal', () => {
  sigmas(full).forEach((sigma, step) => {
    const level = full.alphasCumprod[step] as number
    expect(1 / (1 + sigma ** 2)).toBeCloseTo(level, 13)
  })
})

test('σ and t lead back to each other, also between steps and after respacing', () => {
  const fast = respace(full, 'ddim25')
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (share) => {
      for (const schedule of [full, fast]) {
        const last = schedule.timesteps[schedule.steps - 1] as number
        const timestep = share * last
        expect(timestepAt(schedule, sigmaAt(schedule, timestep))).toBeCloseTo(timestep, 8)
      }
    }),
  )
})

test('at a step σ is the table, between two the geometric mean', () => {
  const table = sigmas(full)
  expect(sigmaAt(full, 500)).toBe(table[500])
  expect(sigmaAt(full, 999)).toBe(table[999])
  expect(sigmaAt(full, 500.5)).toBeCloseTo(Math.sqrt((table[500] as number) * (table[501] as number)), 14)
})

test('levels beyond the ends give the first and the last timestep', () => {
  expect(timestepAt(full, 0)).toBe(0)
  expect(timestepAt(full, 1e-9)).toBe(0)
  expect(timestepAt(full, 1e9)).toBe(999)
  expect(timestepAt(full, Infinity)).toBe(999)
})

test('a schedule that ends in pure noise has σ = ∞ there, and can be asked below it', () => {
  const noise = zeroTerminalSnr(full)
  expect(sigmaAt(noise, 999)).toBe(Infinity)
  expect(timestepAt(noise, Infinity)).toBe(999)
  expect(timestepAt(noise, sigmaAt(noise, 700.25))).toBeCloseTo(700.25, 8)
  expect(() => sigmaAt(noise, 998.5)).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: timestep is 998.5, expected at most 998, as the schedule ends in pure noise.]`,
  )
  expect(() => timestepAt(noise, 1e9)).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: sigma is 1000000000, expected at most 15406.030095597262, as the schedule ends in pure noise.]`,
  )
})

test('numbers that are no levels are refused', () => {
  expect(() => sigmaAt(full, 999.5)).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: timestep is 999.5, expected a timestep in [0, 999].]`,
  )
  expect(() => timestepAt(full, -1)).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: sigma is -1, expected a noise level of 0 or more.]`,
  )
  expect(() => timestepAt(full, Number.NaN)).toThrow(expect.objectContaining({ parameter: 'sigma' }))
  expect(() => karrasSigmas({ steps: 5, sigmaMin: 3, sigmaMax: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: sigmaMin is 3, expected at most sigmaMax, 1.]`,
  )
  expect(() => karrasSigmas({ steps: 5, sigmaMin: 0, sigmaMax: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: sigmaMin is 0, expected a positive number.]`,
  )
  expect(() => karrasSigmas({ steps: 0, sigmaMin: 1, sigmaMax: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: steps is 0, expected a positive integer.]`,
  )
  expect(() => karrasSigmas({ steps: 2.5, sigmaMin: 1, sigmaMax: 2 })).toThrow(
    expect.objectContaining({ parameter: 'steps', value: 2.5 }),
  )
})
