import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { linearSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  AsynchronousDenoiserError,
  createDiffusion,
  type Denoiser,
  ddim,
  ddpm,
  type Guidance,
  type GuidanceContext,
  generate,
  sample,
} from './index.ts'
import type { SamplingOptions } from './sampling-options.ts'

const diffusion = createDiffusion({
  schedule: respace(linearSchedule({ steps: 1000 }), 'ddim5'),
  prediction: 'x-start',
  variance: 'fixed-large',
})
const denoiser: Denoiser = { forward: (x) => tf.tidy(() => tf.mul(tf.tanh(x), 0.5)) }
const options: SamplingOptions = { diffusion, denoiser, shape: [2, 2, 1], seed: 2, labels: [4, 6] }

async function pixels(more: Partial<SamplingOptions>): Promise<number[]> {
  const images = await generate({ ...options, ...more })
  const values = [...images.dataSync()]
  images.dispose()
  return values
}

beforeAll(() => startBackend([cpu()]))

describe('a guidance', () => {
  test('is told where the run stands, and what the network would do alone', async () => {
    const seen: unknown[] = []
    const guidance: Guidance = (context) => {
      const { x, t, tPrevious, labels, reverse, index, total, alphaCumprod } = context
      const told = [t, tPrevious, labels].map((each) => [...(each as tf.Tensor).dataSync()])
      seen.push({ index, total, told, alpha: alphaCumprod })
      const xStart = tf.mul(tf.tanh(x), 0.5)
      const gap = tf.max(tf.abs(tf.sub(reverse.xStart, xStart))).dataSync()[0]
      expect(gap).toBeLessThan(1e-6)
      expect(context.predictXStart(x).dataSync()).toEqual(reverse.xStart.dataSync())
      return tf.zerosLike(x)
    }
    await pixels({ guidance })
    const steps = [4, 3, 2, 1, 0]
    expect(seen).toEqual(
      steps.map((t, index) => ({
        index,
        total: 5,
        told: [
          [200 * t, 200 * t],
          [200 * Math.max(0, t - 1), 200 * Math.max(0, t - 1)],
          [4, 6],
        ],
        alpha: diffusion.schedule.alphasCumprod[t],
      })),
    )
  })

  test('has its gradient shown in each step', async () => {
    for await (const { gradient } of sample({ ...options, guidance: ({ x }) => tf.onesLike(x) }))
      expect([...(gradient as tf.Tensor).dataSync()]).toEqual(new Array(8).fill(1))
  })

  test('of zeros is no guidance', async () => {
    const guidance: Guidance = ({ x }) => tf.zerosLike(x)
    for (const sampler of [ddim(), ddpm()]) {
      const [guided, alone] = [await pixels({ sampler, guidance }), await pixels({ sampler })]
      expect(guided).toEqual(alone.map((value) => expect.closeTo(value, 5)))
    }
  })

  test('may answer with a tensor that it was lent', async () => {
    const before = tf.memory().numTensors
    const lent = await pixels({ guidance: ({ x }) => x })
    expect(lent).toEqual(await pixels({ guidance: ({ x }) => tf.clone(x) }))
    expect(tf.memory().numTensors).toBe(before)
  })

  test('pushes the other way when its sign is turned', async () => {
    const push =
      (by: number): Guidance =>
      (context: GuidanceContext) =>
        tf.fill(context.x.shape, by)
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    const alone = mean(await pixels({}))
    expect(mean(await pixels({ guidance: push(3) }))).toBeGreaterThan(alone)
    expect(mean(await pixels({ guidance: push(-3) }))).toBeLessThan(alone)
  })

  test('cannot look through a denoiser that answers by a promise', async () => {
    const later: Denoiser = { forward: async (x, t) => denoiser.forward(x, t) }
    const before = tf.memory().numTensors
    const run = pixels({ denoiser: later, guidance: ({ x, predictXStart }) => predictXStart(x) })
    await expect(run).rejects.toThrow(AsynchronousDenoiserError)
    await expect(
      pixels({ denoiser: later, guidance: ({ reverse }) => reverse.xStart }),
    ).resolves.toHaveLength(8)
    expect(tf.memory().numTensors).toBe(before)
  })
})
