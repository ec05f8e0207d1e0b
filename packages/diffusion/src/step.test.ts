import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { linearSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { coefficientNames } from './coefficients.ts'
import {
  createDiffusion,
  type Denoiser,
  ddim,
  ddpm,
  type Guidance,
  generate,
  type StepExecutor,
} from './index.ts'
import type { SamplingOptions } from './sampling-options.ts'

const denoiser: Denoiser = {
  forward: (x, t, labels) =>
    tf.tidy(() => {
      const column = (values: tf.Tensor) => tf.reshape(tf.cast(values, 'float32'), [-1, 1, 1, 1])
      const shift = tf.add(tf.mul(column(t), 1e-3), labels ? column(labels) : 0)
      return tf.tanh(tf.add(x, shift)) as tf.Tensor4D
    }),
}
const guidance: Guidance = ({ x }) => tf.mul(x, -0.2)
const options: SamplingOptions = {
  diffusion: createDiffusion({
    schedule: respace(linearSchedule({ steps: 1000 }), 'ddim5'),
    prediction: 'epsilon',
    variance: 'fixed-small',
  }),
  denoiser,
  guidance,
  shape: [2, 2, 1],
  labels: [0, 1],
  seed: 4,
}
/** Runs each step where it stands: what any executor has to equal. */
const eager: StepExecutor = async (step, inputs) => step(inputs)

async function pixels(more: Partial<SamplingOptions>, base: SamplingOptions = options): Promise<number[]> {
  const images = await generate({ ...base, ...more })
  const values = [...images.dataSync()]
  images.dispose()
  return values
}

beforeAll(() => startBackend([cpu()]))

describe('a step that is executed as one function', () => {
  test.each([
    ['ddim', ddim()],
    ['ddim, η = 0.5', ddim({ eta: 0.5 })],
    ['ddpm', ddpm()],
  ])('by %s gives the images of the loop, to the last bit', async (_, sampler) => {
    expect(await pixels({ sampler, execute: eager })).toEqual(await pixels({ sampler }))
    const { guidance: __, ...unguided } = options
    expect(await pixels({ sampler, execute: eager }, unguided)).toEqual(await pixels({ sampler }, unguided))
  })

  test('is handed tensors alone, each of the run’s', async () => {
    const shapes: Record<string, number[]>[] = []
    const execute: StepExecutor = async (step, inputs) => {
      shapes.push(Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape])))
      return step(inputs)
    }
    await pixels({ sampler: ddpm(), execute })
    expect(shapes).toHaveLength(5)
    expect(shapes[0]).toEqual({
      x: [2, 2, 2, 1],
      noise: [2, 2, 2, 1],
      t: [2],
      tPrevious: [2],
      labels: [2],
      coefficients: [coefficientNames.length, 2],
    })
    shapes.length = 0
    await pixels({ sampler: ddim(), execute })
    expect(Object.keys(shapes[0] as object).sort()).toEqual(['coefficients', 'labels', 't', 'tPrevious', 'x'])
  })

  test('says whether it looked at its number', async () => {
    const varies: boolean[] = []
    const execute: StepExecutor = async (step, inputs) => {
      const made = step(inputs)
      varies.push(step.varies())
      return made
    }
    await pixels({ execute })
    expect(varies).toEqual([false, false, false, false, false])
    varies.length = 0
    const now: Guidance = ({ x, index, total }) => tf.mul(x, index / total)
    await pixels({ execute, guidance: now })
    expect(varies).toEqual([true, true, true, true, true])
    const afterwards = await pixels({ execute: eager, guidance: now })
    expect(afterwards).toEqual(await pixels({ guidance: now }))
  })

  test('leaves no tensors, whatever ends the run', async () => {
    const before = tf.memory().numTensors
    await pixels({ execute: eager, sampler: ddpm() })
    expect(tf.memory().numTensors).toBe(before)
    const boom: StepExecutor = async (step, inputs) => {
      const made = step(inputs)
      tf.dispose({ ...made })
      throw new Error('boom')
    }
    await expect(pixels({ execute: boom })).rejects.toThrow('boom')
    const throwing: Guidance = ({ x, index }) => {
      if (index === 2) throw new Error('boom')
      return tf.zerosLike(x)
    }
    await expect(pixels({ execute: eager, guidance: throwing })).rejects.toThrow('boom')
    const endless: Guidance = ({ x }) => tf.fill(x.shape, Number.NaN)
    await expect(pixels({ execute: eager, guidance: endless })).rejects.toMatchObject({ what: 'x', step: 0 })
    expect(tf.memory().numTensors).toBe(before)
  })

  test('needs a denoiser that answers at once', async () => {
    const later: Denoiser = { forward: async (x, t) => denoiser.forward(x, t) }
    const before = tf.memory().numTensors
    await expect(pixels({ execute: eager, denoiser: later })).rejects.toMatchObject({
      name: 'AsynchronousDenoiserError',
    })
    expect(tf.memory().numTensors).toBe(before)
  })
})
