import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import type { Parameters } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { createClassifier } from './classifier.ts'
import { classifierLoss } from './loss.ts'

const config = {
  size: 2,
  inChannels: 1,
  channels: 32,
  multipliers: [1],
  blocks: 1,
  pool: 'adaptive',
  dropout: 0.5,
  classes: 3,
} as const

const batch = () => ({
  x: tf.tensor4d([0.5, -1, 0.3, 2, -0.7, 0.2, 1, -1], [2, 2, 2, 1]),
  t: tf.tensor1d([0, 600]),
  labels: tf.tensor1d([2, 1], 'int32'),
})
const values = (tensor: tf.Tensor) => [...tensor.dataSync()]

beforeAll(() => startBackend([cpu()]))

describe('the loss of a classifier', () => {
  test('is ln K where it knows nothing, and −log p of its label in general', () => {
    const classifier = createClassifier(config, { seed: 1 })
    const input = batch()
    const { loss, logits } = classifierLoss(classifier, input)
    const logProbabilities = classifier.logProbability(input.x, input.t, input.labels)
    expect(values(loss)).toEqual(values(logProbabilities).map((log) => expect.closeTo(-log, 6)))
    expect(logits.shape).toEqual([2, 3])
    // weights of the last layer that are 0 give all classes the same
    const parameters: Parameters = {
      ...classifier.parameters,
      'out.3.weight': tf.zerosLike(classifier.parameters['out.3.weight'] as tf.Tensor),
      'out.3.bias': tf.zeros([3]),
    }
    const unknowing = classifierLoss(classifier, input, { parameters })
    expect(values(unknowing.loss)).toEqual([Math.log(3), Math.log(3)].map((each) => expect.closeTo(each, 6)))
    tf.dispose([
      ...Object.values(input),
      loss,
      logits,
      logProbabilities,
      unknowing.loss,
      unknowing.logits,
      parameters['out.3.weight'] as tf.Tensor,
      parameters['out.3.bias'] as tf.Tensor,
    ])
    classifier.dispose()
  })

  test('has the gradient p − 1 at the label in the last bias, p elsewhere', () => {
    const classifier = createClassifier(config, { seed: 2 })
    tf.tidy(() => {
      const input = batch()
      const p = tf.softmax(classifier.logits(input.x, input.t)).arraySync() as number[][]
      const gradient = tf.grad((bias) =>
        tf.sum(
          classifierLoss(classifier, input, { parameters: { ...classifier.parameters, 'out.3.bias': bias } })
            .loss,
        ),
      )(classifier.parameters['out.3.bias'] as tf.Tensor)
      const labels = [2, 1]
      const wanted = [0, 1, 2].map((k) =>
        p.reduce((sum, row, i) => sum + (row[k] as number) - (labels[i] === k ? 1 : 0), 0),
      )
      expect(values(gradient)).toEqual(wanted.map((each) => expect.closeTo(each, 5)))
    })
    classifier.dispose()
  })

  test('drops activations under a key, the same ones under the same key', () => {
    const classifier = createClassifier(config, { seed: 3 })
    tf.tidy(() => {
      // the last convolution of each residual block is 0 at first, behind which nothing dropped would show
      const parameters = Object.fromEntries(
        classifier.specs.map(({ name, initial }) => {
          const tensor = classifier.parameters[name] as tf.Tensor
          const filled = () => tf.reshape(tf.sin(tf.range(0, tensor.size)), tensor.shape)
          return [name, initial === 'zeros' ? filled() : tensor]
        }),
      )
      const input = batch()
      const loss = (index?: number) =>
        values(
          classifierLoss(classifier, input, {
            parameters,
            ...(index === undefined ? {} : { dropout: { seed: 1, index } }),
          }).loss,
        )
      expect(loss(7)).toEqual(loss(7))
      expect(loss(7)).not.toEqual(loss(8))
      expect(loss()).not.toEqual(loss(7))
    })
    classifier.dispose()
  })

  test('is two tensors: itself and the logits', () => {
    const classifier = createClassifier(config, { seed: 1 })
    const input = batch()
    const before = tf.memory().numTensors
    const { loss, logits } = classifierLoss(classifier, input)
    expect(tf.memory().numTensors).toBe(before + 2)
    tf.dispose([loss, logits, ...Object.values(input)])
    classifier.dispose()
  })
})
