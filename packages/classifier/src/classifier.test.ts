import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { readParameters } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Classifier, type ClassifierConfig, createClassifier, selectLabels } from './classifier.ts'

const config: ClassifierConfig = {
  size: 4,
  inChannels: 1,
  channels: 32,
  multipliers: [1, 1],
  blocks: 1,
  attention: [2],
  headChannels: 16,
  classes: 3,
}
const values = (tensor: tf.Tensor) => [...tensor.dataSync()]
const image = (seed: number) => Array.from({ length: 16 }, (_, i) => Math.sin(seed + 1.7 * i))

/** Fresh weights end in layers of zeros, to which an image means nothing: these do not. */
async function withoutZeros(fresh: Classifier): Promise<Classifier> {
  const tensors = await readParameters(fresh.specs, fresh.parameters)
  for (const { name, shape, initial } of fresh.specs) {
    if (initial !== 'zeros') continue
    const size = shape.reduce((product, length) => product * length, 1)
    const data = Float32Array.from({ length: size }, (_, i) => 0.2 * Math.sin(3 * i + name.length))
    tensors.set(name, { shape, data })
  }
  fresh.dispose()
  return createClassifier(config, tensors)
}

let classifier: Classifier

beforeAll(async () => {
  await startBackend([cpu()])
  classifier = await withoutZeros(createClassifier(config, { seed: 1 }))
})
afterAll(() => classifier.dispose())

describe('a classifier', () => {
  test('gives every image one logit a class', () => {
    tf.tidy(() => {
      const x = tf.tensor4d([...image(0), ...image(1)], [2, 4, 4, 1])
      const logits = classifier.logits(x, tf.tensor1d([0, 900]))
      expect(logits.shape).toEqual([2, 3])
      expect(classifier.classes).toBe(3)
    })
  })

  test('has probabilities of all classes that sum to 1', () => {
    tf.tidy(() => {
      const x = tf.tensor4d([...image(2), ...image(2), ...image(2)], [3, 4, 4, 1])
      const logs = classifier.logProbability(x, tf.fill([3], 400), tf.tensor1d([0, 1, 2], 'int32'))
      const probabilities = values(logs).map(Math.exp)
      expect(probabilities.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 5)
      // and they are not the same for all classes, or nothing was shown
      expect(Math.max(...probabilities) - Math.min(...probabilities)).toBeGreaterThan(0.01)
    })
  })

  test('has log-probabilities that are its logits less the logarithm of their exponentials’ sum', () => {
    tf.tidy(() => {
      const x = tf.tensor4d([...image(3), ...image(4)], [2, 4, 4, 1])
      const t = tf.tensor1d([10, 700])
      const rows = classifier.logits(x, t).arraySync()
      const wanted = [2, 0].map((label, i) => {
        const row = rows[i] as number[]
        return (row[label] as number) - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0))
      })
      expect(values(classifier.logProbability(x, t, tf.tensor1d([2, 0], 'int32')))).toEqual(
        wanted.map((each) => expect.closeTo(each, 5)),
      )
    })
  })

  test('looks at t', () => {
    tf.tidy(() => {
      const x = tf.tensor4d(image(5), [1, 4, 4, 1])
      const [early, late] = [0, 900].map((t) => values(classifier.logits(x, tf.tensor1d([t]))))
      expect(Math.abs((early?.[0] as number) - (late?.[0] as number))).toBeGreaterThan(1e-4)
    })
  })
})

describe('the gradient of the log-probability', () => {
  test('equals central differences in every pixel', () => {
    const t = 300
    const step = 0.005
    const pixels = image(6)
    const label = 1
    const gradient = tf.tidy(() =>
      values(
        classifier.gradient(
          tf.tensor4d(pixels, [1, 4, 4, 1]),
          tf.tensor1d([t]),
          tf.tensor1d([label], 'int32'),
        ),
      ),
    )
    // all shifted images in one batch: + in the first half, − in the second
    const shifted = [step, -step].flatMap((by) =>
      pixels.map((_, i) => pixels.map((pixel, j) => (i === j ? pixel + by : pixel))),
    )
    const logs = tf.tidy(() =>
      values(
        classifier.logProbability(
          tf.tensor4d(shifted.flat(), [32, 4, 4, 1]),
          tf.fill([32], t),
          tf.fill([32], label, 'int32'),
        ),
      ),
    )
    const differences = pixels.map((_, i) => ((logs[i] as number) - (logs[i + 16] as number)) / (2 * step))
    const largest = Math.max(...differences.map(Math.abs))
    expect(largest).toBeGreaterThan(0.01)
    for (const [i, difference] of differences.entries())
      expect(Math.abs((gradient[i] as number) - difference)).toBeLessThan(0.01 * largest)
  })

  test('of an image is the same alone and in a batch', () => {
    tf.tidy(() => {
      const gradient = (rows: number[][], labels: number[]) =>
        values(
          classifier.gradient(
            tf.tensor4d(rows.flat(), [rows.length, 4, 4, 1]),
            tf.fill([rows.length], 50),
            tf.tensor1d(labels, 'int32'),
          ),
        )
      const both = gradient([image(7), image(8)], [2, 0])
      expect(both.slice(16)).toEqual(gradient([image(8)], [0]).map((each) => expect.closeTo(each, 5)))
    })
  })

  test('weighed by the probabilities of all classes is 0', () => {
    tf.tidy(() => {
      // Σ_k p_k ∇ log p_k = ∇ Σ_k p_k = 0
      const x = tf.tensor4d([...image(9), ...image(9), ...image(9)], [3, 4, 4, 1])
      const [t, labels] = [tf.fill<tf.Rank.R1>([3], 100), tf.tensor1d([0, 1, 2], 'int32')]
      const p = values(classifier.logProbability(x, t, labels)).map(Math.exp)
      const gradients = values(classifier.gradient(x, t, labels))
      const largest = Math.max(...gradients.map(Math.abs))
      for (let i = 0; i < 16; i++) {
        const total = p.reduce((sum, each, k) => sum + each * (gradients[16 * k + i] as number), 0)
        expect(Math.abs(total)).toBeLessThan(1e-4 * largest)
      }
    })
  })
})

describe('memory', () => {
  test('each answer is one tensor, and dispose frees the weights, twice without harm', () => {
    const start = tf.memory().numTensors
    const own = createClassifier(config, { seed: 2 })
    const x = tf.tensor4d(image(1), [1, 4, 4, 1])
    const t = tf.tensor1d([5])
    const labels = tf.tensor1d([1], 'int32')
    const rows = tf.tensor2d([[0.5, -1, 2]])
    const before = tf.memory().numTensors
    const answers = [
      () => own.logits(x, t),
      () => own.logProbability(x, t, labels),
      () => own.gradient(x, t, labels),
      () => selectLabels(rows, labels),
    ]
    for (const answer of answers) {
      const made = answer()
      expect(tf.memory().numTensors - before).toBe(1)
      made.dispose()
    }
    tf.dispose([x, t, labels, rows])
    own.dispose()
    own.dispose()
    expect(tf.memory().numTensors).toBe(start)
  })

  test('of the wrong image or labels nothing is left', () => {
    const x = tf.zeros<tf.Rank.R4>([1, 5, 5, 1])
    const t = tf.tensor1d([5])
    const before = tf.memory().numTensors
    expect(() => classifier.logits(x, t)).toThrowErrorMatchingInlineSnapshot(
      `[ModelInputError: x is of shape [1, 5, 5, 1], expected [B, 4, 4, 1].]`,
    )
    expect(tf.memory().numTensors).toBe(before)
    tf.dispose([x, t])
  })
})

test('options that make no classifier are refused', () => {
  expect(() => createClassifier({ ...config, classes: 0 }, { seed: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[ModelConfigError: classes is 0, expected a positive whole number.]`,
  )
  expect(() => createClassifier({ ...config, channels: 20 }, { seed: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[ModelConfigError: channels × multiplier is 20, expected a positive multiple of 32, the groups of every normalisation.]`,
  )
})
