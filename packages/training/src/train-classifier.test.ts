import '@tensorflow/tfjs-core/dist/register_all_gradients.js'
import '@tensorflow/tfjs-backend-cpu'
import { createClassifier } from '@guided-diffusion/classifier'
import { createDiffusion } from '@guided-diffusion/diffusion'
import { scheduleFromBetas } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { adamw } from './adamw.ts'
import { stateWeights } from './saved-state.ts'
import type { TrainingData, TrainingMetrics } from './train.ts'
import { trainClassifier } from './train-classifier.ts'

const diffusion = createDiffusion({
  schedule: scheduleFromBetas(new Array<number>(10).fill(0.02)),
  prediction: 'epsilon',
  variance: 'fixed-large',
})
const config = {
  size: 2,
  inChannels: 1,
  channels: 32,
  multipliers: [1],
  blocks: 1,
  classes: 2,
  pool: 'adaptive',
} as const

/** 2×2 pixels: class 0 is bright on the left, class 1 on the right. */
const sides = (size: number): TrainingData =>
  async function* ({ step }) {
    for (let index = step; ; index++) {
      const labels = Int32Array.from({ length: size }, (_, i) => (index + i) % 2)
      const images = Float32Array.from({ length: size * 4 }, (_, i) =>
        i % 2 === labels[Math.floor(i / 4)] ? 0.8 : -0.8,
      )
      yield { images, labels, shape: [size, 2, 2, 1] }
    }
  }

beforeAll(async () => {
  await tf.setBackend('cpu')
})

describe('training a classifier', () => {
  test('lowers the loss from ln K, raises the accuracy, and leaves no tensors', async () => {
    const classifier = createClassifier(config, { seed: 1 })
    const initial = classifier.parameters['out.3.bias']?.dataSync().slice()
    const before = tf.memory().numTensors
    const metrics: TrainingMetrics[] = []
    const counts = new Set<number>()
    let weights: Awaited<ReturnType<typeof stateWeights>> | undefined
    const run = trainClassifier({
      diffusion,
      classifier,
      data: sides(6),
      steps: 60,
      seed: 1,
      optimizer: adamw({ learningRate: 1e-2 }),
    })
    for await (const step of run) {
      metrics.push(step.metrics as TrainingMetrics)
      counts.add(tf.memory().numTensors)
      if (step.index === 60) weights = await stateWeights(step.state)
    }
    expect(counts.size).toBe(1)
    expect(tf.memory().numTensors).toBe(before)
    // its last layer starts at zero: every class equally likely
    expect(metrics[0]?.loss).toBeCloseTo(Math.log(2), 5)
    const mean = (name: 'loss' | 'accuracy') =>
      metrics.slice(-8).reduce((sum, each) => sum + (each[name] as number), 0) / 8
    expect(mean('loss')).toBeLessThan(0.45)
    expect(mean('accuracy')).toBeGreaterThan(0.8)
    expect(classifier.parameters['out.3.bias']?.dataSync()).toEqual(initial)
    // what was learned is in the state: it classifies images without noise
    const trained = createClassifier(config, weights as NonNullable<typeof weights>)
    const x = tf.tensor4d([0.8, -0.8, 0.8, -0.8, -0.8, 0.8, -0.8, 0.8], [2, 2, 2, 1])
    const labels = tf.tensor1d([0, 1], 'int32')
    for (const logP of trained.logProbability(x, tf.tensor1d([0, 0]), labels).dataSync())
      expect(Math.exp(logP)).toBeGreaterThan(0.8)
    trained.dispose()
    classifier.dispose()
  })

  test('needs labels of its classes', async () => {
    const classifier = createClassifier(config, { seed: 1 })
    const before = tf.memory().numTensors
    const first = (labels?: Int32Array) =>
      trainClassifier({
        diffusion,
        classifier,
        steps: 1,
        seed: 1,
        optimizer: adamw({ learningRate: 1 }),
        data: async function* () {
          yield { images: new Float32Array(4), shape: [1, 2, 2, 1], ...(labels ? { labels } : {}) }
        },
      }).next()
    await expect(first()).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TrainingOptionError: data is "images without labels", expected labels of 2 classes.]`,
    )
    await expect(first(Int32Array.of(2))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TrainingOptionError: data is 2, expected labels from 0 to 1.]`,
    )
    expect(tf.memory().numTensors).toBe(before)
    classifier.dispose()
  })
})
