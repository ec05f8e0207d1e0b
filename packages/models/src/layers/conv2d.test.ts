import '@tensorflow/tfjs-core/dist/register_all_gradients.js'
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { conv2d, stridedConv2d } from './conv2d.ts'

const waves = (shape: number[]) =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1.7 * i)),
    shape,
  )

beforeAll(async () => {
  await tf.setBackend('cpu')
})

describe('convolution', () => {
  const parameters = () => ({ 'c.weight': waves([3, 3, 2, 5]), 'c.bias': waves([5]) })

  test.each([
    ['keeps the size', conv2d, 6],
    ['halves the size', stridedConv2d, 3],
  ] as const)('%s; frozen weights change no value and no gradient of x', (_, convolve, size) => {
    const x = waves([2, 6, 6, 2]) as tf.Tensor4D
    const weights = parameters()
    const cotangent = waves([2, size, size, 5])
    const [free, frozen] = [false, true].map((fixed) => {
      const run = (input: tf.Tensor) => convolve(weights, 'c', input as tf.Tensor4D, { frozen: fixed })
      return [run(x), tf.grad((input) => tf.sum(tf.mul(run(input), cotangent)))(x)]
    }) as [tf.Tensor[], tf.Tensor[]]
    expect(free[0]?.shape).toEqual([2, size, size, 5])
    expect(frozen[0]?.dataSync()).toEqual(free[0]?.dataSync())
    expect(frozen[1]?.dataSync()).toEqual(free[1]?.dataSync())
  })

  test('frozen weights get no gradient', () => {
    const x = waves([1, 4, 4, 2]) as tf.Tensor4D
    const weights = parameters()
    const run = (frozen: boolean) => (weight: tf.Tensor) =>
      tf.sum(conv2d({ ...weights, 'c.weight': weight }, 'c', x, { frozen }))
    expect(tf.grad(run(false))(weights['c.weight']).shape).toEqual([3, 3, 2, 5])
    expect(() => tf.grad(run(true))(weights['c.weight'])).toThrow()
  })
})
