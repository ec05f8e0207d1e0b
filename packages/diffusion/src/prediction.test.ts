import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { cosineSchedule, zeroTerminalSnr } from '@guided-diffusion/schedules'
import fc from '@guided-diffusion/tooling/properties'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { coefficients } from './coefficients.ts'
import { createDiffusion, type Diffusion, type Prediction } from './diffusion.ts'
import { qSample } from './forward.ts'
import { epsilonFromXStart, predictionTarget, xStartFromPrediction } from './prediction.ts'

const predictions = ['epsilon', 'x-start', 'v', 'previous-x'] as const
const steps = 100
const process = (prediction: Prediction, schedule = cosineSchedule({ steps })): Diffusion =>
  createDiffusion({ schedule, prediction, variance: 'fixed-small' })

const pixels = fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 6, maxLength: 6 })
const noises = fc.array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: 6, maxLength: 6 })
const images = (values: number[]) => tf.tensor4d(values, [2, 1, 3, 1])
const gap = (a: tf.Tensor, b: tf.Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0] as number

beforeAll(() => startBackend([cpu()]))

describe.each(predictions)('the prediction %s', (prediction) => {
  test('of the truth gives back x_0, and with it ε', () => {
    const diffusion = process(prediction)
    const twoSteps = fc.array(fc.integer({ min: 0, max: steps - 1 }), { minLength: 2, maxLength: 2 })
    fc.assert(
      fc.property(twoSteps, pixels, noises, (t, xValues, zValues) => {
        tf.tidy(() => {
          const [xStart, noise] = [images(xValues), images(zValues)]
          const x = qSample(diffusion, { xStart, t, noise })
          const at = coefficients(diffusion, t)
          const target = predictionTarget(prediction, at, { xStart, x, noise })
          const recovered = xStartFromPrediction(prediction, at, x, target)
          // rounding of x_t and of the target enters by the factors that they are multiplied by
          const { alphasCumprod } = diffusion.schedule
          const { posteriorMeanCoef1, posteriorMeanCoef2 } = diffusion.posterior
          const loss = t.map((step) => ({
            epsilon: 10 / Math.sqrt(alphasCumprod[step] as number),
            'x-start': 1,
            v: 5,
            'previous-x':
              (5 * (1 + (posteriorMeanCoef2[step] as number))) / (posteriorMeanCoef1[step] as number),
          }))
          const tolerance = 2 ** -22 * Math.max(...loss.map((factors) => factors[prediction]))
          expect(gap(recovered, xStart)).toBeLessThanOrEqual(tolerance)
          const back = 10 / Math.sqrt(1 - Math.max(...t.map((step) => alphasCumprod[step] as number)))
          expect(gap(epsilonFromXStart(at, x, recovered), noise)).toBeLessThanOrEqual(
            (tolerance + 2 ** -22) * back,
          )
        })
      }),
      { numRuns: 60 },
    )
  })

  test('of the truth is what each name says', () => {
    tf.tidy(() => {
      const diffusion = process(prediction)
      const [x0, z, t] = [0.6, -1.5, 40]
      const alpha = diffusion.schedule.alphasCumprod[t] as number
      const xt = Math.sqrt(alpha) * x0 + Math.sqrt(1 - alpha) * z
      const one = (value: number) => tf.tensor4d([value], [1, 1, 1, 1])
      const target = predictionTarget(prediction, coefficients(diffusion, [t]), {
        xStart: one(x0),
        x: one(xt),
        noise: one(z),
      }).dataSync()[0]
      const { posteriorMeanCoef1: c1, posteriorMeanCoef2: c2 } = diffusion.posterior
      const wanted = {
        epsilon: z,
        'x-start': x0,
        v: Math.sqrt(alpha) * z - Math.sqrt(1 - alpha) * x0,
        'previous-x': (c1[t] as number) * x0 + (c2[t] as number) * xt,
      }
      expect(target).toBeCloseTo(wanted[prediction], 6)
    })
  })
})

describe('where no signal is left, ᾱ = 0,', () => {
  const schedule = zeroTerminalSnr(cosineSchedule({ steps: 10 }))

  test('x_t is the noise, and v is −x_0', () => {
    tf.tidy(() => {
      const at = coefficients(process('v', schedule), [9, 9])
      const x = images([0.5, -1, 2, 3, 0, -0.25])
      const v = images([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
      const xStart = xStartFromPrediction('v', at, x, v)
      expect(gap(xStart, tf.neg(v))).toBe(0)
      expect(gap(epsilonFromXStart(at, x, xStart), x)).toBe(0)
    })
  })
})
