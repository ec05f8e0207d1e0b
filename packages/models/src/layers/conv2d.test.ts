import '@tensorflow/tfjs-core/dist/register_all_gradients.js'
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { conv2d, inParts, nativeParts, product, stridedConv2d } from './conv2d.ts'

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

/** A convolution of x with weights and bias, in one of two ways that should be equal. */
type Way = (x: tf.Tensor4D, filter: tf.Tensor4D, bias: tf.Tensor1D) => tf.Tensor

/** Values, and gradients of x and of the weights where they are not frozen, are those of the other way. */
function expectEqual(ways: readonly [Way, Way], shape: number[], filterShape: number[], frozen: boolean) {
  const x = waves(shape)
  const filter = waves(filterShape)
  const bias = waves(filterShape.slice(3))
  const [expected, actual] = ways.map((way) => {
    const run = (...given: tf.Tensor[]) => way(...(given as unknown as Parameters<Way>))
    const value = run(x, filter, bias)
    const of = (...given: tf.Tensor[]) => tf.sum(tf.mul(run(...given), waves(value.shape)))
    const gradients = frozen
      ? [tf.grad((input) => of(input, filter, bias))(x)]
      : tf.grads(of)([x, filter, bias])
    return [value, ...gradients].map((tensor) => ({ shape: tensor.shape, values: tensor.dataSync() }))
  })
  for (const [i, { shape: wanted, values }] of (expected ?? []).entries()) {
    expect(actual?.[i]?.shape).toEqual(wanted)
    for (const [j, value] of values.entries()) expect(actual?.[i]?.values[j]).toBeCloseTo(value, 4)
  }
}

describe.each([false, true])('ways around the native library, weights frozen: %s', (frozen) => {
  test('a 1×1 convolution as a product of matrices', () => {
    const whole: Way = (x, filter, bias) => conv2d({ 'c.weight': filter, 'c.bias': bias }, 'c', x, { frozen })
    const other: Way = (x, filter, bias) => product(x, filter, bias, frozen)
    expectEqual([whole, other], [2, 4, 6, 3], [1, 1, 3, 5], frozen)
  })

  test.each([2, 3, 7])('a sum of convolutions of some channels each, in %i parts', (parts) => {
    const options = { strides: 1, pad: 'same', parts, frozen } as const
    const whole: Way = (x, filter, bias) => conv2d({ 'c.weight': filter, 'c.bias': bias }, 'c', x, { frozen })
    expectEqual(
      [whole, (x, filter, bias) => inParts(x, filter, bias, options)],
      [2, 4, 6, 7],
      [3, 3, 7, 2],
      frozen,
    )
  })

  test('with stride 2', () => {
    const options = { strides: 2, pad: 'valid', parts: 2, frozen } as const
    const whole: Way = (x, filter, bias) =>
      stridedConv2d({ 'c.weight': filter, 'c.bias': bias }, 'c', x, { frozen })
    const padding: [number, number][] = [
      [0, 0],
      [1, 1],
      [1, 1],
      [0, 0],
    ]
    const other: Way = (x, filter, bias) => inParts(tf.pad(x, padding), filter, bias, options)
    expectEqual([whole, other], [1, 6, 6, 4], [3, 3, 4, 2], frozen)
  })
})

test('the largest convolutions of the published networks are split, others are not', () => {
  const parts = (size: number, inputs: number, strides = 1) =>
    nativeParts(
      { shape: [4, size, size, inputs] } as unknown as tf.Tensor4D,
      { shape: [3, 3, inputs, 256] } as unknown as tf.Tensor4D,
      strides,
    )
  expect([parts(256, 512), parts(512, 256), parts(512, 512, 2)]).toEqual([2, 3, 2])
  expect([parts(256, 384), parts(128, 1024), parts(64, 768), parts(28, 96)]).toEqual([1, 1, 1, 1])
})
