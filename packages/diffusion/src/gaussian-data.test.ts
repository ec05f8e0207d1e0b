/**
 * Data N(m, s²), pixel by pixel, have an ideal denoiser, and an end of sampling that can be written down:
 *
 * E[ε | x_t] = √(1−ᾱ)(x_t − √ᾱ m)/(ᾱ s² + 1−ᾱ),   E[x_0 | x_t] = m + √ᾱ s² (x_t − √ᾱ m)/(ᾱ s² + 1−ᾱ)
 * x_0 = m + s (x_T − √ᾱ_T m)/√(ᾱ_T s² + 1−ᾱ_T) with infinitely many steps
 */
import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { linearSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  coefficients,
  createDiffusion,
  type Denoiser,
  ddim,
  ddimInversion,
  ddpm,
  generate,
  initialNoise,
  type Prediction,
  predictionTarget,
  type Sampler,
} from './index.ts'

const m = 0.2
const s = 0.3
const full = linearSchedule({ steps: 1000 })
const process = (steps: number, prediction: Prediction = 'epsilon') =>
  createDiffusion({ schedule: respace(full, `ddim${steps}`), prediction, variance: 'fixed-small' })

/** The ideal denoiser of the full schedule, in the terms of any prediction. */
function ideal(prediction: Prediction, steps: number): Denoiser {
  const diffusion = process(steps, prediction)
  const stepOf = new Map(Array.from(diffusion.schedule.timesteps, (timestep, step) => [timestep, step]))
  return {
    forward: (x, t) =>
      tf.tidy(() => {
        const step = stepOf.get(t.dataSync()[0] as number) as number
        const at = coefficients(diffusion, new Array<number>(x.shape[0]).fill(step))
        const alpha = diffusion.schedule.alphasCumprod[step] as number
        const excess = tf.div(tf.sub(x, Math.sqrt(alpha) * m), alpha * s ** 2 + 1 - alpha)
        const noise: tf.Tensor4D = tf.mul(excess, Math.sqrt(1 - alpha))
        const xStart: tf.Tensor4D = tf.add(tf.mul(excess, Math.sqrt(alpha) * s ** 2), m)
        return predictionTarget(prediction, at, { xStart, x, noise })
      }),
  }
}

/** What infinitely many steps of DDIM make of x_T. */
function exactEnd(xT: number, steps: number): number {
  const alpha = process(steps).schedule.alphasCumprod.at(-1) as number
  return m + (s * (xT - Math.sqrt(alpha) * m)) / Math.sqrt(alpha * s ** 2 + 1 - alpha)
}

interface Run {
  readonly steps: number
  readonly sampler: Sampler
  readonly prediction?: Prediction
  readonly size?: number
  readonly start?: tf.Tensor4D
}

async function sampled({ steps, sampler, prediction = 'epsilon', size = 8, start }: Run) {
  const images = await generate({
    diffusion: process(steps, prediction),
    denoiser: ideal(prediction, steps),
    sampler,
    shape: [size, size, 1],
    seed: 3,
    clip: false,
    ...(start ? { start } : { count: 1 }),
  })
  const values = images.dataSync<'float32'>().slice()
  images.dispose()
  return values
}

const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] as number))))

/** Steepness of log error over log steps, by least squares. */
function order(points: readonly (readonly [steps: number, error: number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const x = points.map(([steps]) => Math.log(steps))
  const y = points.map(([, error]) => Math.log(error))
  const spread = x.map((value) => value - mean(x))
  return -mean(y.map((value, i) => value * (spread[i] as number))) / mean(spread.map((value) => value ** 2))
}

beforeAll(() => startBackend([cpu()]))

describe('DDIM on Gaussian data', () => {
  const error = async (steps: number) => {
    const noise = initialNoise(3, [0], [8, 8, 1])
    const wanted = Array.from(noise.dataSync(), (value) => exactEnd(value, steps))
    noise.dispose()
    return largest(await sampled({ steps, sampler: ddim() }), wanted)
  }

  test('reaches m + s z, with an error of first order in the number of steps', async () => {
    const points: [number, number][] = []
    for (const steps of [25, 50, 100, 200]) points.push([steps, await error(steps)])
    expect(order(points)).toBeGreaterThan(0.85)
    expect(order(points)).toBeLessThan(1.15)
    expect(points.at(-1)?.[1]).toBeLessThan(0.02)
  })

  test.each(['x-start', 'v', 'previous-x'] as const)(
    'ends at the same images whether told ε or %s',
    async (prediction) => {
      const [told, other] = [
        await sampled({ steps: 50, sampler: ddim() }),
        await sampled({ steps: 50, sampler: ddim(), prediction }),
      ]
      // √(1/ᾱ − 1) is 160 at the first step: rounding of ε in float32 enters x̂_0 by that factor
      expect(largest(told, other)).toBeLessThan(2e-4)
    },
  )

  test('after its inversion is near the images that the inversion began with, nearer with more steps', async () => {
    const images = tf.tensor4d([-0.4, 0.1, 0.2, 0.3, 0.5, 0.9], [1, 1, 6, 1])
    const roundTrip = async (steps: number) => {
      const options = { diffusion: process(steps), denoiser: ideal('epsilon', steps), seed: 0, clip: false }
      const shape = [1, 6, 1] as const
      const noise = await generate({ ...options, shape, start: images, sampler: ddimInversion() })
      const back = await generate({ ...options, shape, start: noise, sampler: ddim() })
      const gap = largest(back.dataSync(), images.dataSync())
      tf.dispose([noise, back])
      return gap
    }
    const points: [number, number][] = []
    for (const steps of [25, 50, 100, 200]) points.push([steps, await roundTrip(steps)])
    images.dispose()
    expect(order(points)).toBeGreaterThan(0.8)
    expect(points.at(-1)?.[1]).toBeLessThan(0.04)
  })

  test('runs its inversion to noise: images of N(m, s²) end as N(0, 1)', async () => {
    const steps = 200
    const noise = initialNoise(8, [0], [40, 40, 1])
    const images: tf.Tensor4D = tf.add(tf.mul(noise, s), m)
    const values = await sampled({ steps, sampler: ddimInversion(), size: 40, start: images })
    const z = noise.dataSync()
    tf.dispose([noise, images])
    // 1,600 values, and each close to the noise that the image was made of
    expect(largest(values, z)).toBeLessThan(0.15)
  })
})

describe('stochastic samplers on Gaussian data', () => {
  test.each([
    ['ddpm', ddpm()],
    ['ddim, η = 1', ddim({ eta: 1 })],
    ['ddim, η = 0.5', ddim({ eta: 0.5 })],
  ] as const)('%s has the mean and deviation of the data', async (_, sampler) => {
    const values = await sampled({ steps: 250, sampler, size: 40 })
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
    // 1,600 pixels: standard errors are 0.0075 and 0.0053
    expect(Math.abs(mean - m)).toBeLessThan(0.025)
    expect(Math.abs(deviation - s)).toBeLessThan(0.02)
  })
})
