import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import {
  createDiffusion,
  type Denoiser,
  ddim,
  ddpm,
  generate,
  type Sampler,
} from '@guided-diffusion/diffusion'
import { linearSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { gradientGuidance } from './gradient-guidance.ts'

/**
 * Gaussian data N(m, s²) have an ideal denoiser, and a measurement y of x_0 with N(y; x_0, r²) has a known likelihood
 * at every noise level. Guided samples must then follow the exact posterior N(M, D²).
 */
const m = 0.2
const s = 0.3
const r = 0.4
const y = -0.1
const D2 = 1 / (1 / s ** 2 + 1 / r ** 2)
const M = D2 * (m / s ** 2 + y / r ** 2)

const full = linearSchedule({ steps: 1000 })
const process = (steps: number) =>
  createDiffusion({ schedule: respace(full, `ddim${steps}`), prediction: 'epsilon', variance: 'fixed-small' })

const alphaAt = (t: tf.Tensor1D) => full.alphasCumprod[Math.round(t.arraySync()[0] as number)] as number

/** ε = √(1−ᾱ)(x − √ᾱ m)/(ᾱ s² + 1 − ᾱ). */
const denoiser: Denoiser = {
  forward: (x, t) => {
    const alpha = alphaAt(t)
    return tf.tidy(() => {
      const factor = Math.sqrt(1 - alpha) / (alpha * s ** 2 + 1 - alpha)
      return tf.mul(tf.sub(x, Math.sqrt(alpha) * m), factor)
    })
  },
}

/** log N(y; E[x_0 | x_t], Var[x_0 | x_t] + r²), of each pixel for itself. */
const likelihood = (x: tf.Tensor4D, t: tf.Tensor1D): tf.Tensor1D => {
  const alpha = alphaAt(t)
  const total = alpha * s ** 2 + 1 - alpha
  const mean = tf.add(tf.mul(tf.sub(x, Math.sqrt(alpha) * m), (Math.sqrt(alpha) * s ** 2) / total), m)
  const variance = (s ** 2 * (1 - alpha)) / total + r ** 2
  return tf.sum(tf.mul(tf.square(tf.sub(mean, y)), -0.5 / variance), [1, 2, 3])
}

/** What DDIM with infinitely many steps makes of x_T = z. */
const exact = (z: number) => {
  const alpha = full.alphasCumprod.at(-1) as number
  return M + (Math.sqrt(D2) * (z - Math.sqrt(alpha) * M)) / Math.sqrt(alpha * D2 + 1 - alpha)
}

async function sampled(sampler: Sampler, steps: number, scale: number, size = 8) {
  const options = {
    diffusion: process(steps),
    denoiser,
    sampler,
    guidance: gradientGuidance(likelihood, { scale }),
    shape: [size, size, 1] as const,
    count: 1,
    seed: 3,
    clip: false,
  }
  const images = await generate(options)
  const values = images.dataSync<'float32'>().slice()
  images.dispose()
  return values
}

beforeAll(() => startBackend([cpu()]))

describe('guidance against the exact posterior', () => {
  const error = async (steps: number, scale: number) => {
    const { initialNoise } = await import('@guided-diffusion/diffusion')
    const start = initialNoise(3, [0], [8, 8, 1])
    const z = start.dataSync().slice()
    start.dispose()
    const values = await sampled(ddim(), steps, scale)
    return Math.max(...values.map((value, i) => Math.abs(value - exact(z[i] as number))))
  }

  it('reaches it with DDIM, to first order in the step', async () => {
    const errors = [await error(50, 1), await error(100, 1), await error(200, 1)] as const
    expect(errors[0] / errors[1]).toBeGreaterThan(1.7)
    expect(errors[1] / errors[2]).toBeGreaterThan(1.7)
    expect(errors[2]).toBeLessThan(0.03)
  })

  it('misses it with another scale', async () => {
    const right = await error(200, 1)
    expect(await error(200, 0)).toBeGreaterThan(10 * right)
    expect(await error(200, 1.5)).toBeGreaterThan(3 * right)
  })

  it('has its mean and deviation with DDPM', async () => {
    const values = await sampled(ddpm(), 250, 1, 40)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
    // 1600 pixels: the mean has a standard error of 0.006, the deviation one of 0.004
    expect(Math.abs(mean - M)).toBeLessThan(0.025)
    expect(Math.abs(deviation - Math.sqrt(D2))).toBeLessThan(0.02)
  })
})
