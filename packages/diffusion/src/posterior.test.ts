import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { linearSchedule } from '@guided-diffusion/schedules'
import fc from '@guided-diffusion/tooling/properties'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, expect, test } from 'vitest'
import { coefficients } from './coefficients.ts'
import { createDiffusion } from './diffusion.ts'
import { posteriorMean, xStartFromPrevious } from './posterior.ts'

const diffusion = createDiffusion({
  schedule: linearSchedule({ steps: 100 }),
  prediction: 'epsilon',
  variance: 'fixed-small',
})
const number = fc.float({ min: -3, max: 3, noNaN: true })
const one = (value: number) => tf.tensor4d([value], [1, 1, 1, 1])

beforeAll(() => startBackend([cpu()]))

test('the posterior’s mean is the rule of Bayes: one step of the process times the way there', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 99 }), number, number, (t, x0, xt) => {
      const { betas, alphasCumprodPrevious } = diffusion.schedule
      const beta = betas[t] as number
      const previous = alphasCumprodPrevious[t] as number
      // N(x_t; √(1−β) x, β) · N(x; √ᾱ_{t−1} x_0, 1−ᾱ_{t−1}) in x: precisions add, means weigh in by them
      const [a, b] = [(1 - beta) / beta, 1 / (1 - previous)]
      const wanted = (a * (xt / Math.sqrt(1 - beta)) + b * Math.sqrt(previous) * x0) / (a + b)
      tf.tidy(() => {
        const mean = posteriorMean(coefficients(diffusion, [t]), one(x0), one(xt))
        expect(mean.dataSync()[0]).toBeCloseTo(wanted, 5)
      })
    }),
  )
})

test('x_0 is found from the mean of x_{t−1}, at step 0 it is that mean', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 99 }), number, number, (t, x0, xt) => {
      tf.tidy(() => {
        const at = coefficients(diffusion, [t])
        const found = xStartFromPrevious(at, posteriorMean(at, one(x0), one(xt)), one(xt)).dataSync()[0]
        const { posteriorMeanCoef1, posteriorMeanCoef2 } = diffusion.posterior
        const factor = (1 + (posteriorMeanCoef2[t] as number)) / (posteriorMeanCoef1[t] as number)
        expect(Math.abs((found as number) - x0)).toBeLessThanOrEqual(3 * 2 ** -22 * factor)
      })
    }),
  )
})
