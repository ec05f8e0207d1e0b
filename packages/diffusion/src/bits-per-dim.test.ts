import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { linearSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { type BitsPerDimensionOptions, bitsPerDimension } from './bits-per-dim.ts'
import type { Denoiser } from './denoiser.ts'
import { createDiffusion } from './diffusion.ts'
import { qSample } from './forward.ts'
import { stepNoise } from './noise.ts'

const diffusion = createDiffusion({
  schedule: respace(linearSchedule({ steps: 1000 }), '20'),
  prediction: 'x-start',
  variance: 'fixed-small',
})
const { steps, alphasCumprod } = diffusion.schedule
const { posteriorMeanCoef1, posteriorVariance } = diffusion.posterior
const shape = [2, 2, 1] as const
const pixels = [
  [-0.5, 0.25, 0, 0.75],
  [0.1, 0.2, -0.3, 0.4],
]
const images = () => tf.tensor4d(pixels.flat(), [2, ...shape])
/** Takes every pixel for grey. */
const grey: Denoiser = { forward: (x) => tf.zerosLike(x) }

async function bits(more: Partial<BitsPerDimensionOptions> = {}) {
  const xStart = images()
  try {
    return await bitsPerDimension({ diffusion, denoiser: grey, images: xStart, seed: 1, ...more })
  } finally {
    xStart.dispose()
  }
}

const at = (table: ArrayLike<number>, i: number) => table[i] as number
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

beforeAll(() => startBackend([cpu()]))

describe('bits per dimension', () => {
  test('are those of Gaussians whose means are apart by c₁ (x̂_0 − x_0)', async () => {
    const { bound, xStartError } = await bits()
    for (const [i, row] of pixels.entries()) {
      const error = mean(row.map((pixel) => pixel ** 2))
      for (let t = 1; t < steps; t++) {
        const wanted = (at(posteriorMeanCoef1, t) ** 2 * error) / (2 * at(posteriorVariance, t) * Math.LN2)
        expect(at(bound[i] as Float32Array, t) / wanted).toBeCloseTo(1, 4)
        expect(at(xStartError[i] as Float32Array, t)).toBeCloseTo(error, 6)
      }
    }
  })

  test('of the prior are the divergence of q(x_T | x_0) from N(0, 1)', async () => {
    const { prior } = await bits()
    const alpha = alphasCumprod.at(-1) as number
    for (const [i, row] of pixels.entries()) {
      const wanted = mean(
        row.map((pixel) => (alpha * pixel ** 2 - alpha - Math.log1p(-alpha)) / (2 * Math.LN2)),
      )
      expect(Math.abs(at(prior, i) - wanted)).toBeLessThan(1e-7)
    }
  })

  test('add up to the total, the decoder’s included', async () => {
    const { total, bound, prior } = await bits()
    for (const [i, row] of bound.entries()) {
      expect(at(total, i)).toBeCloseTo(at(prior, i) + [...row].reduce((sum, each) => sum + each, 0), 5)
      expect(at(row, 0)).toBeGreaterThan(0)
    }
  })

  test('of an image do not depend on the others, and are named by its sample', async () => {
    const both = await bits({ samples: [4, 9] })
    const second = tf.tensor4d(pixels[1] as number[], [1, ...shape])
    const alone = await bits({ images: second, samples: [9] })
    second.dispose()
    expect(alone.total[0]).toBeCloseTo(at(both.total, 1), 6)
    expect([...(alone.epsilonError[0] as Float32Array)]).toEqual([...(both.epsilonError[1] as Float32Array)])
    const other = await bits({ samples: [4, 10] })
    expect(other.epsilonError[1]).not.toEqual(both.epsilonError[1])
  })

  test('measure ε̂ against the noise that was added', async () => {
    const { epsilonError } = await bits()
    const t = 12
    const alpha = at(alphasCumprod, t)
    const xStart = pixels.flat()
    // x̂_0 = 0 makes ε̂ = x_t/√(1−ᾱ) = z + √(ᾱ/(1−ᾱ)) x_0
    const errors = xStart.map((pixel) => (alpha / (1 - alpha)) * pixel ** 2)
    expect(at(epsilonError[0] as Float32Array, t)).toBeCloseTo(mean(errors.slice(0, 4)), 5)
    expect(at(epsilonError[1] as Float32Array, t)).toBeCloseTo(mean(errors.slice(4)), 5)
  })

  test('are found by one pass a step, from the noise to the image, which is told the labels', async () => {
    const told: [number, number[]][] = []
    const done: [number, number][] = []
    await bits({
      labels: [7, 8],
      denoiser: {
        forward: (x, t, labels) => {
          told.push([t.dataSync()[0] as number, [...(labels as tf.Tensor).dataSync()]])
          return tf.zerosLike(x)
        },
      },
      onProgress: (step, total) => done.push([step, total]),
    })
    expect(told).toEqual(Array.from(diffusion.schedule.timesteps, (t) => [t, [7, 8]]).reverse())
    expect(done).toEqual(Array.from({ length: steps }, (_, i) => [i + 1, steps]))
  })

  test('show the network each image noised by the noise of its sample and step', async () => {
    const gaps: number[] = []
    const shown: Denoiser = {
      forward: (x) =>
        tf.tidy(() => {
          const t = steps - 1 - gaps.length
          const xStart = images()
          const noised = qSample(diffusion, { xStart, t: [t, t], noise: stepNoise(1, [4, 9], t, shape) })
          gaps.push(tf.max(tf.abs(tf.sub(x, noised))).dataSync()[0] as number)
          return tf.zerosLike(x)
        }),
    }
    await bits({ samples: [4, 9], denoiser: shown })
    expect(gaps).toEqual(new Array(steps).fill(0))
  })

  test('want one sample and one label an image', async () => {
    await expect(bits({ samples: [9] })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: the length of samples is 1, expected 2, one an image.]`,
    )
    await expect(bits({ labels: [1, 2, 3] })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: the length of labels is 3, expected 2, one an image.]`,
    )
    await expect(bits({ labels: [1, -2] })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: labels[1] is -2, expected the number of a class, from 0.]`,
    )
  })

  test('leave no tensors, at the end, by a fault or by an abort', async () => {
    const before = tf.memory().numTensors
    await bits({ labels: [1, 2] })
    expect(tf.memory().numTensors).toBe(before)
    const boom = () => {
      throw new Error('boom')
    }
    await expect(bits({ denoiser: { forward: boom } })).rejects.toThrow('boom')
    await expect(bits({ onProgress: boom, labels: [1, 2] })).rejects.toThrow('boom')
    expect(tf.memory().numTensors).toBe(before)
    const controller = new AbortController()
    const reason = new Error('enough')
    const onProgress = (done: number) => done === 3 && controller.abort(reason)
    await expect(bits({ onProgress, signal: controller.signal, labels: [1, 2] })).rejects.toBe(reason)
    expect(tf.memory().numTensors).toBe(before)
  })
})
