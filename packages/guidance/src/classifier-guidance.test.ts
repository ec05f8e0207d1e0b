import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { createClassifier } from '@guided-diffusion/classifier'
import type { GuidanceContext } from '@guided-diffusion/diffusion'
import { createDiffusion, generate } from '@guided-diffusion/diffusion'
import { linearSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  type ClassifierGuidanceOptions,
  classifierGuidance,
  type NoisyClassifier,
} from './classifier-guidance.ts'

/** Logits of three classes that are curved in x, and shift with t: [sin 2x₀, x₀ x₁, x₁² − t/1000]. */
const logitsOf = ([a, b]: readonly [number, number], t: number) => [Math.sin(2 * a), a * b, b * b - t / 1000]
const classifier: NoisyClassifier = {
  logits: (x, t) =>
    tf.tidy(() => {
      const [a, b] = tf.split(tf.reshape(x, [-1, 2]), 2, 1) as [tf.Tensor2D, tf.Tensor2D]
      const later = tf.reshape(tf.div(t, 1000), [-1, 1])
      return tf.concat([tf.sin(tf.mul(a, 2)), tf.mul(a, b), tf.sub(tf.square(b), later)], 1) as tf.Tensor2D
    }),
}
const points = [
  [0.3, -0.8],
  [-1.1, 0.4],
  [0.9, 1.2],
] as const
const means = [
  [0.1, 0.2],
  [-0.4, 0.6],
  [0.7, -0.9],
] as const
const labels = [0, 2, 1]
const images = (rows: readonly (readonly [number, number])[]) =>
  tf.tensor4d(rows.flat(), [rows.length, 1, 2, 1])

const context = (): GuidanceContext => ({
  x: images(points),
  t: tf.tensor1d([700, 700, 700]),
  tPrevious: tf.tensor1d([650, 650, 650]),
  labels: tf.tensor1d(labels, 'int32'),
  reverse: {
    mean: images(means),
    logVariance: tf.zeros([1, 1, 1, 1]),
    variance: tf.ones([1, 1, 1, 1]),
    xStart: images(points),
    epsilon: images(points),
  },
  predictXStart: (x) => x,
  index: 2,
  total: 8,
  alphaCumprod: 0.3,
})

/** ∇ log-softmax(γ · logits)_label at each point by central differences in float64. */
function differences(
  rows: readonly (readonly [number, number])[],
  t: number,
  sharpness: (row: number) => number = () => 1,
): number[] {
  const step = 1e-5
  return rows.flatMap((row, i) => {
    const log = (point: readonly [number, number]) => {
      const sharp = logitsOf(point, t).map((logit) => sharpness(i) * logit)
      const total = Math.log(sharp.reduce((sum, logit) => sum + Math.exp(logit), 0))
      return (sharp[labels[i] as number] as number) - total
    }
    const [a, b] = row
    return [
      (log([a + step, b]) - log([a - step, b])) / (2 * step),
      (log([a, b + step]) - log([a, b - step])) / (2 * step),
    ]
  })
}

const pull = (options: ClassifierGuidanceOptions = {}, of = context) =>
  tf.tidy(() => [...classifierGuidance(classifier, options)(of()).dataSync()])
const closeTo = (values: readonly number[], digits = 4) =>
  values.map((value) => expect.closeTo(value, digits))

beforeAll(() => startBackend([cpu()]))

describe('guidance by a classifier', () => {
  test('pulls by ∇ log p(y | x_t), taken at x_t', () => {
    expect(pull()).toEqual(closeTo(differences(points, 700)))
    expect(pull({ at: 'x', scale: 1, sharpening: 'scaled' })).toEqual(pull())
  })

  test('pulls at the mean with what the classifier makes of the next timestep', () => {
    const wanted = differences(means, 650)
    expect(pull({ at: 'mean' })).toEqual(closeTo(wanted))
    // the timestep matters: the third logit falls with t
    const wrong = differences(means, 700)
    expect(Math.max(...wanted.map((value, i) => Math.abs(value - (wrong[i] as number))))).toBeGreaterThan(
      1e-3,
    )
  })

  test('scales by γ: for all, by sample, by step', () => {
    const plain = differences(points, 700)
    const bySample = (gamma: readonly number[]) => plain.map((value, i) => (gamma[i >> 1] as number) * value)
    expect(pull({ scale: 4 })).toEqual(closeTo(bySample([4, 4, 4])))
    expect(pull({ scale: [0, 1, 8] })).toEqual(closeTo(bySample([0, 1, 8]), 3))
    expect(pull({ scale: ({ index }) => index })).toEqual(closeTo(bySample([2, 2, 2])))
    expect(pull({ scale: ({ index }) => [index, 0, -1] })).toEqual(closeTo(bySample([2, 0, -1])))
  })

  test('of scale 0 asks no classifier', () => {
    const never: NoisyClassifier = {
      logits: () => {
        throw new Error('asked')
      },
    }
    tf.tidy(() => {
      const gradient = classifierGuidance(never, { scale: 0 })(context())
      expect([...gradient.dataSync()]).toEqual([0, 0, 0, 0, 0, 0])
    })
  })
})

describe('the sharpened and renormalised distribution', () => {
  test.each([0.5, 1, 3, 8])('has the gradient of log (p^γ / Σ p^γ) at γ = %d', (scale) => {
    const sharpening = 'renormalized'
    expect(pull({ scale, sharpening })).toEqual(
      closeTo(
        differences(points, 700, () => scale),
        3,
      ),
    )
    expect(pull({ scale, sharpening, at: 'mean' })).toEqual(
      closeTo(
        differences(means, 650, () => scale),
        3,
      ),
    )
  })

  test('takes one γ a sample', () => {
    const gamma = [0, 1, 5]
    expect(pull({ scale: gamma, sharpening: 'renormalized' })).toEqual(
      closeTo(
        differences(points, 700, (row) => gamma[row] as number),
        3,
      ),
    )
  })

  test('is the plain one at γ = 1', () => {
    expect(pull({ scale: 1, sharpening: 'renormalized' })).toEqual(closeTo(pull(), 6))
  })

  test('fades where it is sure, while the scaled pull grows with γ', () => {
    const size = (values: number[]) => Math.hypot(...values)
    const sure = (): GuidanceContext => ({
      ...context(),
      x: images([
        [0.8, -1],
        [0.2, 2],
        [3, 2],
      ]),
    })
    const scaled = (scale: number) => size(pull({ scale }, sure))
    const sharp = (scale: number) => size(pull({ scale, sharpening: 'renormalized' }, sure))
    expect(scaled(40) / scaled(4)).toBeCloseTo(10, 3)
    expect(sharp(40)).toBeLessThan(sharp(4))
  })
})

describe('refused are', () => {
  test('a run without labels', () => {
    const { labels: _, ...unlabelled } = context()
    expect(() => classifierGuidance(classifier)(unlabelled)).toThrowErrorMatchingInlineSnapshot(
      `[MissingLabelsError: Guidance towards a class needs labels, and the run has none.]`,
    )
  })

  test('points and sharpenings that there are not', () => {
    expect(() => classifierGuidance(classifier, { at: 'x-start' as 'x' })).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: at is "x-start", expected 'x' or 'mean'.]`,
    )
    expect(() =>
      classifierGuidance(classifier, { sharpening: 'sharp' as 'scaled' }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: sharpening is "sharp", expected 'scaled' or 'renormalized'.]`,
    )
  })

  test('scales that fit no sample', () => {
    expect(() => pull({ scale: [1, 2] })).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: scale is [1,2], expected one number, or 3: one a sample.]`,
    )
  })
})

describe('with a network for a classifier', () => {
  const network = { size: 4, inChannels: 1, channels: 32, multipliers: [1], blocks: 1 }

  test('a guided run is the same for each image alone, and leaves no tensors', async () => {
    const encoder = createClassifier({ ...network, classes: 3 }, { seed: 2 })
    const before = tf.memory().numTensors
    const run = async (samples: number[], classes: number[], scale: number[]) => {
      const images = await generate({
        diffusion: createDiffusion({
          schedule: respace(linearSchedule({ steps: 1000 }), 'ddim2'),
          prediction: 'x-start',
          variance: 'fixed-small',
        }),
        denoiser: { forward: (x) => tf.mul(x, 0.5) },
        guidance: classifierGuidance(encoder, { scale }),
        shape: [4, 4, 1],
        samples,
        labels: classes,
        seed: 1,
      })
      const values = [...images.dataSync()]
      images.dispose()
      return values
    }
    const both = await run([6, 9], [0, 2], [1, 3])
    const alone = await run([9], [2], [3])
    expect(both.slice(16)).toEqual(closeTo(alone, 5))
    expect(tf.memory().numTensors).toBe(before)
    encoder.dispose()
  })
})
