import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { initialNoise, stepNoise } from './noise.ts'
import { type ImageShape, initialNoiseValues } from './noise-values.ts'

const shape: ImageShape = [4, 3, 2]
const values = (noise: tf.Tensor4D) => {
  const read = [...noise.dataSync()]
  noise.dispose()
  return read
}

/** Correlation of two rows of numbers of mean 0 and deviation 1. */
const correlation = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, i) => sum + value * (b[i] as number), 0) / a.length

beforeAll(() => startBackend([cpu()]))

describe('noise', () => {
  test('of a sample is the same alone and in any batch, to the last bit', () => {
    const alone = values(initialNoise(5, [17], shape))
    expect(values(initialNoise(5, [3, 17, 16, 17], shape))).toEqual([
      ...values(initialNoise(5, [3], shape)),
      ...alone,
      ...values(initialNoise(5, [16], shape)),
      ...alone,
    ])
    const later = values(stepNoise(5, [17], 40, shape))
    expect(values(stepNoise(5, [16, 17], 40, shape)).slice(24)).toEqual(later)
  })

  test('is another for another seed, sample, step, and for the beginning', () => {
    const size: ImageShape = [64, 64, 1]
    const rows = [
      initialNoise(5, [17], size),
      initialNoise(6, [17], size),
      initialNoise(5, [18], size),
      stepNoise(5, [17], 0, size),
      stepNoise(5, [17], 1, size),
      stepNoise(5, [18], 1, size),
    ].map(values)
    for (const [i, a] of rows.entries()) {
      // 4,096 numbers: the standard error of each is 0.016
      expect(Math.abs(correlation(a, a) - 1)).toBeLessThan(0.1)
      for (const b of rows.slice(i + 1)) expect(Math.abs(correlation(a, b))).toBeLessThan(0.07)
    }
  })

  test('of the beginning is there without tensors too', () => {
    const before = tf.memory().numTensors
    const numbers = initialNoiseValues(5, [3, 17], shape)
    expect(tf.memory().numTensors).toBe(before)
    expect([...numbers]).toEqual(values(initialNoise(5, [3, 17], shape)))
  })

  test('has the shape of the batch, and is one tensor', () => {
    const before = tf.memory().numTensors
    const noise = stepNoise(1, [0, 1, 2], 9, shape)
    expect(noise.shape).toEqual([3, 4, 3, 2])
    expect(tf.memory().numTensors).toBe(before + 1)
    noise.dispose()
  })
})
