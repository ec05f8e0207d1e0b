import fc from '@guided-diffusion/tooling/properties'
import { expect, test } from 'vitest'
import { linearSchedule } from './linear.ts'
import { posteriorTables } from './posterior.ts'
import { respace } from './respacing.ts'
import { scheduleFromBetas } from './schedule.ts'
import { zeroTerminalSnr } from './zero-terminal-snr.ts'

const betas = fc.array(fc.double({ min: 1e-4, max: 0.9, noNaN: true }), { minLength: 2, maxLength: 40 })

test('the posterior is that of two Gaussians by the rule of Bayes', () => {
  fc.assert(
    fc.property(betas, (betas) => {
      const schedule = scheduleFromBetas(betas)
      const tables = posteriorTables(schedule)
      for (let step = 1; step < schedule.steps; step++) {
        const beta = schedule.betas[step] as number
        const previous = schedule.alphasCumprodPrevious[step] as number
        // Prior N(√ᾱ_{t−1} x_0, 1−ᾱ_{t−1}), likelihood N(x_t; √(1−β) x, β): precisions add.
        const variance = 1 / (1 / (1 - previous) + (1 - beta) / beta)
        expect(tables.posteriorVariance[step]).toBeCloseTo(variance, 12)
        expect(tables.posteriorMeanCoef1[step]).toBeCloseTo(
          (variance * Math.sqrt(previous)) / (1 - previous),
          12,
        )
        expect(tables.posteriorMeanCoef2[step]).toBeCloseTo((variance * Math.sqrt(1 - beta)) / beta, 11)
      }
    }),
  )
})

test('the mean is right on average: √ᾱ_{t−1} = coef1 + coef2 √ᾱ_t', () => {
  const schedule = linearSchedule({ steps: 1000 })
  const { posteriorMeanCoef1, posteriorMeanCoef2 } = posteriorTables(schedule)
  schedule.alphasCumprod.forEach((level, step) => {
    const mean =
      (posteriorMeanCoef1[step] as number) + (posteriorMeanCoef2[step] as number) * Math.sqrt(level)
    expect(mean).toBeCloseTo(Math.sqrt(schedule.alphasCumprodPrevious[step] as number), 12)
  })
})

test('the first step returns x_0 without noise; its log variance is that of the second', () => {
  const tables = posteriorTables(linearSchedule({ steps: 1000 }))
  expect(tables.posteriorMeanCoef1[0]).toBeCloseTo(1, 12)
  expect(tables.posteriorMeanCoef2[0]).toBe(0)
  expect(tables.posteriorVariance[0]).toBe(0)
  expect(tables.posteriorLogVarianceClipped[0]).toBe(Math.log(tables.posteriorVariance[1] as number))
})

test('a single step has the log variance of its β', () => {
  const tables = posteriorTables(respace(linearSchedule({ steps: 1000 }), { steps: [500] }))
  expect(tables.posteriorLogVarianceClipped).toHaveLength(1)
  expect(tables.posteriorLogVarianceClipped[0]).toBeCloseTo(Math.log(1 - 0.0778), 3)
})

test('all tables are finite where the last step is pure noise', () => {
  for (const table of Object.values(posteriorTables(zeroTerminalSnr(linearSchedule({ steps: 100 }))))) {
    expect(table.every(Number.isFinite)).toBe(true)
  }
})
