import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { createDiffusion, type Denoiser, generate, type SamplingOptions } from '@guided-diffusion/diffusion'
import { linearSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  type ClassifierGuidanceOptions,
  classifierGuidance,
  type NoisyClassifier,
} from './classifier-guidance.ts'
import { scaleBy } from './composition.ts'
import type { Scale } from './scale.ts'

const classifier: NoisyClassifier = {
  logits: (x) =>
    tf.tidy(() => tf.mul(tf.tensor1d([1, -2, 0.5]), tf.reshape(tf.sum(tf.sin(x), [1, 2, 3]), [-1, 1]))),
}
const denoiser: Denoiser = { forward: (x) => tf.tanh(x) }
const gammas = [
  [0, 4],
  [3, 0.5],
  [1, 1],
] as const
const options: SamplingOptions = {
  diffusion: createDiffusion({
    schedule: respace(linearSchedule({ steps: 1000 }), { steps: [0, 400, 800] }),
    prediction: 'epsilon',
    variance: 'fixed-small',
  }),
  denoiser,
  shape: [2, 2, 1],
  labels: [1, 2],
  seed: 4,
  given: (index) => ({ gamma: tf.tensor1d(gammas[index] as unknown as number[]) }),
}
const byNumbers: Scale = ({ index }) => gammas[index] as unknown as number[]
const byTensor: Scale = ({ given }) => given?.gamma as tf.Tensor1D

async function pixels(guidance: SamplingOptions['guidance']): Promise<number[]> {
  const images = await generate({ ...options, ...(guidance ? { guidance } : {}) })
  const values = [...images.dataSync()]
  images.dispose()
  return values
}

beforeAll(() => startBackend([cpu()]))

describe('γ as a tensor', () => {
  test.each<NonNullable<ClassifierGuidanceOptions['sharpening']>>(['scaled', 'renormalized'])(
    'is γ as numbers, %s',
    async (sharpening) => {
      const before = tf.memory().numTensors
      const guided = await pixels(classifierGuidance(classifier, { scale: byTensor, sharpening }))
      expect(guided).toEqual(await pixels(classifierGuidance(classifier, { scale: byNumbers, sharpening })))
      expect(guided).not.toEqual(await pixels(undefined))
      expect(tf.memory().numTensors).toBe(before)
    },
  )

  test('scales any pull', async () => {
    const pull = classifierGuidance(classifier)
    expect(await pixels(scaleBy(byTensor, pull))).toEqual(await pixels(scaleBy(byNumbers, pull)))
  })

  test('of another length is an error', async () => {
    const short: Scale = () => tf.tensor1d([1])
    const before = tf.memory().numTensors
    await expect(pixels(classifierGuidance(classifier, { scale: short }))).rejects.toMatchObject({
      name: 'GuidanceOptionError',
      message: "the shape of scale's tensor is [1], expected [2]: one number a sample.",
    })
    expect(tf.memory().numTensors).toBe(before)
  })
})
