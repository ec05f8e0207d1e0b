import '@tensorflow/tfjs-core/dist/register_all_gradients.js'
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { conv2d, product, stridedConv2d } from './conv2d.ts'

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

describe('a 1×1 convolution as a product of matrices', () => {
  const weights = {
    'c.weight': () => waves([1, 1, 3, 5]) as tf.Tensor4D,
    'c.bias': () => waves([5]) as tf.Tensor1D,
  }

  test.each([false, true])('has the values and the gradients of the convolution; frozen: %s', (frozen) => {
    const parameters = { 'c.weight': weights['c.weight'](), 'c.bias': weights['c.bias']() }
    const x = waves([2, 4, 6, 3]) as tf.Tensor4D
    const cotangent = waves([2, 4, 6, 5])
    const ways = [
      (input: tf.Tensor, filter: tf.Tensor, bias: tf.Tensor) =>
        conv2d({ 'c.weight': filter, 'c.bias': bias }, 'c', input as tf.Tensor4D, { frozen }),
      (input: tf.Tensor, filter: tf.Tensor, bias: tf.Tensor) =>
        product(input as tf.Tensor4D, filter as tf.Tensor4D, bias as tf.Tensor1D, frozen),
    ].map((way) => {
      const { 'c.weight': filter, 'c.bias': bias } = parameters
      const of = (...given: tf.Tensor[]) =>
        tf.sum(tf.mul(way(...(given as [tf.Tensor, tf.Tensor, tf.Tensor])), cotangent))
      const gradients = frozen
        ? [tf.grad((input) => of(input, filter, bias))(x)]
        : tf.grads(of as (...given: tf.Tensor[]) => tf.Tensor)([x, filter, bias])
      return [way(x, filter, bias), ...gradients].map((tensor) => ({
        shape: tensor.shape,
        values: tensor.dataSync(),
      }))
    })
    const [convolved, multiplied] = ways as [(typeof ways)[0], (typeof ways)[0]]
    for (const [i, { shape, values }] of convolved.entries()) {
      expect(multiplied[i]?.shape).toEqual(shape)
      for (const [j, value] of values.entries()) expect(multiplied[i]?.values[j]).toBeCloseTo(value, 5)
    }
  })
})
