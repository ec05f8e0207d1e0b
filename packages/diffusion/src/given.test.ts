import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { linearSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  createDiffusion,
  type Denoiser,
  type Guidance,
  generate,
  type SamplingOptions,
  type StepExecutor,
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
const strengths = [0, 1, 0.5, 2, -1]
const byTensor: SamplingOptions = {
  ...options,
  guidance: ({ x, given }) => tf.mul(x, tf.reshape(given?.strength as tf.Tensor, [1, 1, 1, 1])),
  given: (index) => ({ strength: tf.tensor1d([strengths[index] as number]) }),
}
const byNumber: Guidance = ({ x, index }) => tf.mul(x, strengths[index] as number)

async function pixels(run: SamplingOptions): Promise<number[]> {
  const images = await generate(run)
  const values = [...images.dataSync()]
  images.dispose()
  return values
}

beforeAll(() => startBackend([cpu()]))

describe('what is given to the guidance', () => {
  test('is that of the step, in the loop and in a step that is executed as one function', async () => {
    const expected = await pixels({ ...options, guidance: byNumber })
    expect(await pixels(byTensor)).toEqual(expected)
    const varied: boolean[] = []
    const execute: StepExecutor = async (step, inputs) => {
      expect(Object.keys(inputs)).toContain('given/strength')
      const made = step(inputs)
      varied.push(step.varies())
      return made
    }
    expect(await pixels({ ...byTensor, execute })).toEqual(expected)
    // one trace stands for all steps
    expect(varied).toEqual([false, false, false, false, false])
  })

  test('is freed, whatever ends the run', async () => {
    const before = tf.memory().numTensors
    await pixels(byTensor)
    const broken: Guidance = () => {
      throw new Error('boom')
    }
    await expect(generate({ ...byTensor, guidance: broken })).rejects.toThrow('boom')
    expect(tf.memory().numTensors).toBe(before)
  })

  test('is not there where the run gives nothing', async () => {
    const guidance: Guidance = (context) => {
      expect(context).not.toHaveProperty('given')
      return tf.zerosLike(context.x)
    }
    await pixels({ ...options, guidance })
  })
})
