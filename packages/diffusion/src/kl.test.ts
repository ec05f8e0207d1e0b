import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import fc from '@guided-diffusion/tooling/properties'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { discretizedGaussianLogLikelihood } from './discretized-gaussian.ts'
import { gaussianKl, meanPerSample } from './kl.ts'

const number = (min: number, max: number) => fc.float({ min, max, noNaN: true })
const gaussian = fc.record({ mean: number(-2, 2), logVariance: number(-4, 2) })

type Gaussian = { readonly mean: number; readonly logVariance: number }
const kl = (first: Gaussian, second: Gaussian): number =>
  tf.tidy(() => {
    const tensors = ({ mean, logVariance }: Gaussian) => ({
      mean: tf.scalar(mean),
      logVariance: tf.scalar(logVariance),
    })
    return gaussianKl(tensors(first), tensors(second)).dataSync()[0] as number
  })

/** ∫ p ln(p/q) by the trapezoid rule over ± 12 deviations of p. */
function integrated(p: Gaussian, q: Gaussian): number {
  const deviation = Math.exp(p.logVariance / 2)
  const logDensity = ({ mean, logVariance }: Gaussian, x: number) =>
    -0.5 * (Math.log(2 * Math.PI) + logVariance + (x - mean) ** 2 / Math.exp(logVariance))
  const points = 4000
  const width = (24 * deviation) / points
  let sum = 0
  for (let i = 0; i <= points; i++) {
    const x = p.mean + (i - points / 2) * width
    sum += Math.exp(logDensity(p, x)) * (logDensity(p, x) - logDensity(q, x)) * width
  }
  return sum
}

beforeAll(() => startBackend([cpu()]))

describe('the divergence of two Gaussians', () => {
  test('is the integral of p ln(p/q)', () => {
    fc.assert(
      fc.property(gaussian, gaussian, (p, q) => {
        const wanted = integrated(p, q)
        expect(Math.abs(kl(p, q) - wanted)).toBeLessThanOrEqual(1e-5 * Math.max(1, wanted))
      }),
      { numRuns: 50 },
    )
  })

  test('is 0 of a Gaussian and itself, and never below', () => {
    fc.assert(
      fc.property(gaussian, gaussian, (p, q) => {
        expect(kl(p, p)).toBe(0)
        expect(kl(p, q)).toBeGreaterThanOrEqual(-1e-6)
      }),
    )
  })
})

test('the mean of a sample is taken over all but the first axis', () => {
  tf.tidy(() => {
    const values = tf.tensor4d([1, 2, 3, 4, 10, 20, 30, 40], [2, 1, 2, 2])
    expect([...meanPerSample(values).dataSync()]).toEqual([2.5, 25])
  })
})

describe('the discretised Gaussian', () => {
  const levels = Array.from({ length: 256 }, (_, i) => -1 + (2 * i) / 255)
  const logs = (mean: number, logScale: number) =>
    tf.tidy(() => [
      ...discretizedGaussianLogLikelihood(tf.tensor1d(levels), {
        mean: tf.scalar(mean),
        logScale: tf.scalar(logScale),
      }).dataSync(),
    ])

  test('gives the 256 levels of a pixel a probability of 1 together', () => {
    fc.assert(
      fc.property(number(-1.25, 1.25), number(-3, 0), (mean, logScale) => {
        const total = logs(mean, logScale).reduce((sum, log) => sum + Math.exp(log), 0)
        expect(total).toBeCloseTo(1, 4)
      }),
      { numRuns: 30 },
    )
  })

  test('is the density times the width of a level where that hardly changes', () => {
    const [mean, logScale] = [0.1, -1]
    const all = logs(mean, logScale)
    for (const level of [100, 128, 140, 180]) {
      const x = levels[level] as number
      const density = -0.5 * (Math.log(2 * Math.PI) + ((x - mean) / Math.exp(logScale)) ** 2) - logScale
      // the reference's approximation of Φ, which is kept, is off by some thousandths
      expect(Math.abs((all[level] as number) - density - Math.log(2 / 255))).toBeLessThan(0.02)
    }
  })

  test('leaves all that lies beyond to the first and the last level', () => {
    const all = logs(3, -2)
    expect(Math.exp(all[255] as number)).toBeCloseTo(1, 5)
    // 10⁻¹² stands for all that is smaller
    expect(all[0]).toBeCloseTo(Math.log(1e-12), 3)
  })
})
