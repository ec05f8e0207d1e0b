import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import type { GuidanceContext } from '@guided-diffusion/diffusion'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { type GradientPoint, gradientGuidance, type LogDensity } from './gradient-guidance.ts'
import type { Scale } from './scale.ts'

const x = [1, -2, 0.5, 3, 0, -1]
const mean = [0.5, 0.25, -1, 2, 1, -3]
const images = (values: readonly number[]) => tf.tensor4d([...values], [2, 1, 3, 1])

/** A step of two images, in which the network takes x̂_0 = ½ x² for granted. */
const context = (): GuidanceContext => {
  const t = tf.tensor1d([500, 500])
  return {
    x: images(x),
    t,
    tPrevious: tf.tensor1d([480, 480]),
    reverse: {
      mean: images(mean),
      logVariance: tf.zeros([1, 1, 1, 1]),
      variance: tf.ones([1, 1, 1, 1]),
      xStart: images(x.map((value) => value ** 2 / 2)),
      epsilon: images(x),
    },
    predictXStart: (input) => tf.mul(tf.square(input), 0.5),
    index: 3,
    total: 10,
    alphaCumprod: 0.4,
  }
}

/** log N(x; 2, ¼) up to a constant: its gradient is −4 (x − 2). */
const quadratic: LogDensity = (input) => tf.sum(tf.mul(tf.square(tf.sub(input, 2)), -2), [1, 2, 3])

function pull(
  at: GradientPoint | undefined,
  { scale, density = quadratic }: { scale?: Scale; density?: LogDensity } = {},
): number[] {
  return tf.tidy(() => {
    const guidance = gradientGuidance(density, {
      ...(at ? { at } : {}),
      ...(scale === undefined ? {} : { scale }),
    })
    return [...guidance(context()).dataSync()]
  })
}

const closeTo = (values: readonly number[], digits = 5) =>
  values.map((value) => expect.closeTo(value, digits))

beforeAll(() => startBackend([cpu()]))

describe('the gradient of a quadratic log-density', () => {
  test('at x_t is −4 (x_t − 2), and that is the default', () => {
    expect(pull('x')).toEqual(closeTo(x.map((value) => -4 * (value - 2))))
    expect(pull(undefined)).toEqual(pull('x'))
  })

  test('at the mean is −4 (μ − 2)', () => {
    expect(pull('mean')).toEqual(closeTo(mean.map((value) => -4 * (value - 2))))
  })

  test('at x̂_0 goes through the network: −4 (½ x² − 2) x', () => {
    expect(pull('x-start')).toEqual(closeTo(x.map((value) => -4 * (value ** 2 / 2 - 2) * value)))
  })
})

test.each([
  ['x', 500],
  ['mean', 480],
  ['x-start', 0],
] as const)('a density at %s is told how noisy its images are: t = %i', (at, noisiness) => {
  const told: number[][] = []
  pull(at, {
    density: (input, t, { index }) => {
      told.push([...t.dataSync(), index])
      return tf.sum(input, [1, 2, 3])
    },
  })
  expect(told).toEqual([[noisiness, noisiness, 3]])
})

describe('the scale', () => {
  const plain = () => x.map((value) => -4 * (value - 2))

  test('multiplies: one number, one a sample, or by the step', () => {
    expect(pull('x', { scale: 2.5 })).toEqual(closeTo(plain().map((value) => 2.5 * value)))
    expect(pull('x', { scale: [1, -3] })).toEqual(
      closeTo(plain().map((value, i) => (i < 3 ? value : -3 * value))),
    )
    expect(pull('x', { scale: ({ index, total }) => index / total })).toEqual(
      closeTo(plain().map((value) => 0.3 * value)),
    )
    expect(pull('x', { scale: ({ alphaCumprod }) => [alphaCumprod, 0] })).toEqual(
      closeTo(plain().map((value, i) => (i < 3 ? 0.4 * value : 0))),
    )
  })

  test('0 costs nothing: the density is not asked', () => {
    const never: LogDensity = () => {
      throw new Error('asked')
    }
    for (const scale of [0, [0, 0], () => 0])
      expect(pull('x', { scale, density: never })).toEqual([0, 0, 0, 0, 0, 0])
    expect(() => pull('x', { scale: [0, 1], density: never })).toThrow('asked')
  })

  test('must be finite, and one for all or one a sample', () => {
    expect(() => pull('x', { scale: Number.NaN })).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: scale is NaN, expected finite numbers.]`,
    )
    expect(() => pull('x', { scale: [1, Number.POSITIVE_INFINITY] })).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: scale is [1,Infinity], expected finite numbers.]`,
    )
    expect(() => pull('x', { scale: [1, 2, 3] })).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: scale is [1,2,3], expected one number, or 2: one a sample.]`,
    )
    expect(() => pull('x', { scale: () => [1] })).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: scale is [1], expected one number, or 2: one a sample.]`,
    )
  })
})

test('a point that there is not is refused', () => {
  expect(() => gradientGuidance(quadratic, { at: 'here' as 'x' })).toThrowErrorMatchingInlineSnapshot(
    `[GuidanceOptionError: at is "here", expected 'x' or 'mean' or 'x-start'.]`,
  )
})

test('one tensor is made, outside of any tidy too, and none when the density throws', () => {
  const step = context()
  const before = tf.memory().numTensors
  for (const at of ['x', 'mean', 'x-start'] as const) {
    const gradient = gradientGuidance(quadratic, { at, scale: [1, 2] })(step)
    expect(tf.memory().numTensors).toBe(before + 1)
    gradient.dispose()
  }
  // TensorFlow.js itself keeps what operations saved for the gradient of a function that throws: none here
  const broken = gradientGuidance((input) => {
    tf.zerosLike(input)
    throw new Error('boom')
  })
  expect(() => broken(step)).toThrow('boom')
  expect(tf.memory().numTensors).toBe(before)
})
