import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { linearSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  createDiffusion,
  type Denoiser,
  generate,
  type SamplingOptions,
  type StepExecutor,
  sample,
} from './index.ts'

const denoiser: Denoiser = { forward: (x) => tf.tanh(x) }
const options: SamplingOptions = {
  diffusion: createDiffusion({
    schedule: respace(linearSchedule({ steps: 1000 }), 'ddim5'),
    prediction: 'epsilon',
    variance: 'fixed-small',
  }),
  denoiser,
  shape: [2, 2, 1],
  count: 2,
  seed: 4,
}
const eager: StepExecutor = async (step, inputs) => step(inputs)
const brightness: SamplingOptions['observe'] = ({ x, t }) => ({ mean: tf.mean(x, [1, 2, 3]), t })

/** The observed means and timesteps of each step, and the x that each step left. */
async function observe(more: Partial<SamplingOptions>) {
  const seen: { mean: number[]; t: number[]; x: number[] }[] = []
  for await (const { observed, x } of sample({ ...options, ...more })) {
    const { mean, t } = observed as Record<string, tf.Tensor>
    seen.push({
      mean: [...(mean as tf.Tensor).dataSync()],
      t: [...(t as tf.Tensor).dataSync()],
      x: [...x.dataSync()],
    })
  }
  return seen
}

beforeAll(() => startBackend([cpu()]))

describe('what is observed', () => {
  test.each([
    ['in the loop', {}],
    ['in a step that is executed as one function', { execute: eager }],
  ])('is of x before the step, %s', async (_, way) => {
    const seen = await observe({ ...way, observe: brightness })
    expect(seen.map(({ t }) => t)).toEqual([800, 600, 400, 200, 0].map((t) => [t, t]))
    for (const [i, { x }] of seen.slice(0, -1).entries()) {
      const next = seen[i + 1] as (typeof seen)[number]
      for (const n of [0, 1]) {
        const mean = x.slice(4 * n, 4 * n + 4).reduce((sum, value) => sum + value, 0) / 4
        expect(next.mean[n]).toBeCloseTo(mean, 6)
      }
    }
  })

  test('changes nothing, and is not there where nobody asked', async () => {
    const plain = await generate(options)
    const watched = await observe({ observe: brightness })
    expect(watched.at(-1)?.x).toEqual([...plain.dataSync()])
    plain.dispose()
    for await (const step of sample(options)) expect(step).not.toHaveProperty('observed')
  })

  test('leaves no tensors, whatever ends the run', async () => {
    const before = tf.memory().numTensors
    await observe({ observe: brightness })
    await observe({ observe: brightness, execute: eager })
    for await (const _ of sample({ ...options, observe: brightness })) break
    const broken: SamplingOptions['observe'] = ({ x, index }) => {
      if (index === 2) throw new Error('boom')
      return { twice: tf.add(x, x) }
    }
    await expect(generate({ ...options, observe: broken })).rejects.toThrow('boom')
    await expect(generate({ ...options, observe: broken, execute: eager })).rejects.toThrow('boom')
    expect(tf.memory().numTensors).toBe(before)
  })
})
