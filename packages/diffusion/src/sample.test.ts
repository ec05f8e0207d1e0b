import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { cosineSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { createDiffusion, type Denoiser, ddim, ddpm, generate, initialNoise, sample } from './index.ts'
import type { SamplingOptions } from './sampling-options.ts'

const diffusion = createDiffusion({
  schedule: respace(cosineSchedule({ steps: 1000 }), 'ddim10'),
  prediction: 'epsilon',
  variance: 'learned-range',
})

/** Any function of each sample alone: of x, t and the label, with a variance. */
const denoiser: Denoiser = {
  forward: (x, t, labels) =>
    tf.tidy(() => {
      const perSample = (values: tf.Tensor) => tf.reshape(tf.cast(values, 'float32'), [-1, 1, 1, 1])
      const shift = tf.add(tf.mul(perSample(t), 1e-3), labels ? tf.mul(perSample(labels), 0.3) : 0)
      const epsilon = tf.tanh(tf.add(tf.mul(x, 0.7), shift))
      return tf.concat([epsilon, tf.neg(epsilon)], 3) as tf.Tensor4D
    }),
}
const options: SamplingOptions = { diffusion, denoiser, shape: [3, 2, 1], seed: 5, count: 2 }

async function pixels(more: Partial<SamplingOptions>): Promise<number[]> {
  const { count: _, ...rest } = options
  const images = await generate({ ...rest, ...more })
  const values = [...images.dataSync()]
  images.dispose()
  return values
}

beforeAll(() => startBackend([cpu()]))

describe('the loop', () => {
  test('goes down the schedule, tells each step, and ends with what generate gives', async () => {
    const steps: unknown[] = []
    let last: number[] = []
    for await (const { index, total, t, timestep, x, xStart, gradient } of sample(options)) {
      steps.push([index, total, t, timestep, x.shape, xStart.shape, gradient])
      last = [...x.dataSync()]
    }
    expect(steps).toEqual(
      Array.from({ length: 10 }, (_, i) => [
        i,
        10,
        9 - i,
        900 - 100 * i,
        [2, 3, 2, 1],
        [2, 3, 2, 1],
        undefined,
      ]),
    )
    expect(await pixels({ count: 2 })).toEqual(last)
    expect(await pixels({ count: 2, sampler: ddim() })).toEqual(last)
  })

  test('lends x and x̂_0 until the next step only', async () => {
    const lent: tf.Tensor[] = []
    for await (const { x, xStart } of sample(options)) {
      expect(lent.every(({ isDisposed }) => isDisposed)).toBe(true)
      lent.push(x, xStart)
    }
    expect(lent).toHaveLength(20)
  })

  test('begins at the start that it is given, which stays whole', async () => {
    const start = initialNoise(5, [0, 1], [3, 2, 1])
    expect(await pixels({ start, seed: 77 })).toEqual(await pixels({ count: 2 }))
    expect(start.isDisposed).toBe(false)
    start.dispose()
  })

  test('takes the noise of its steps from elsewhere when told so', async () => {
    const asked: number[] = []
    const none = (t: number) => {
      asked.push(t)
      return tf.zeros<tf.Rank.R4>([2, 3, 2, 1])
    }
    const silent = await pixels({ count: 2, sampler: ddpm(), noise: none })
    expect(asked).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    expect(silent).not.toEqual(await pixels({ count: 2, sampler: ddpm() }))
    expect(await pixels({ count: 2, sampler: ddpm(), noise: none, seed: 5 })).toEqual(silent)
  })

  test('gives the same by a denoiser that answers by a promise', async () => {
    const later: Denoiser = {
      forward: async (x, t, labels) => {
        await new Promise((resolve) => setTimeout(resolve, 1))
        return denoiser.forward(x, t, labels)
      },
    }
    expect(await pixels({ count: 2, denoiser: later })).toEqual(await pixels({ count: 2 }))
  })

  test('clips x̂_0 unless told not to, and lets it be changed', async () => {
    const largest = (values: number[]) => Math.max(...values.map(Math.abs))
    expect(largest(await pixels({ count: 8 }))).toBe(1)
    expect(largest(await pixels({ count: 8, clip: false }))).toBeGreaterThan(1)
    const grey = (xStart: tf.Tensor4D) => tf.zerosLike(xStart)
    expect(largest(await pixels({ count: 8, transformXStart: grey }))).toBe(0)
  })

  test('lets timers run between two steps', async () => {
    let ticks = 0
    const timer = setInterval(() => ticks++, 0)
    const steps = createDiffusion({ ...diffusion, schedule: respace(cosineSchedule({ steps: 1000 }), '200') })
    await pixels({ count: 1, diffusion: steps })
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(2)
  })
})

describe.each([
  ['ddim', ddim()],
  ['ddim, η = 0.7', ddim({ eta: 0.7 })],
  ['ddpm', ddpm()],
])('sample 17 of seed 5 by %s', (_, sampler) => {
  test('is the same picture alone and in a batch, to the last bit', async () => {
    const alone = await pixels({ samples: [17], labels: [3], sampler })
    const batch = await pixels({ samples: [16, 4, 17, 18], labels: [1, 2, 3, 4], sampler })
    expect(batch.slice(12, 18)).toEqual(alone)
    expect(batch.slice(6, 12)).not.toEqual(alone)
  })

  test('is the 18th of a batch that is only counted', async () => {
    const counted = await pixels({ count: 18, sampler })
    expect(counted.slice(-6)).toEqual(await pixels({ samples: [17], sampler }))
  })

  test('is another picture with another seed or class', async () => {
    const alone = await pixels({ samples: [17], labels: [3], sampler })
    expect(await pixels({ samples: [17], labels: [3], sampler, seed: 6 })).not.toEqual(alone)
    expect(await pixels({ samples: [17], labels: [4], sampler })).not.toEqual(alone)
  })
})
