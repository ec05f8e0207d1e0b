import * as tf from '@tensorflow/tfjs-core'
import { expect, test } from 'vitest'
import {
  largestError,
  numbersOn,
  onEachBackend,
  scattered,
  scatteredTensor,
} from '../on-each-backend.fixture.ts'
import { convolutionsOn, gradients, outputShape } from './convolution.fixture.ts'

await onEachBackend(({ backend }) => {
  test.each(convolutionsOn(backend))('gradient of the filter: $title', async (each) => {
    const dyShape = outputShape(each)
    const [actual] = await numbersOn(backend, () => {
      const x = scatteredTensor<tf.Rank.R4>(each.x, 1)
      const convolve = (filter: tf.Tensor) => tf.conv2d(x, filter as tf.Tensor4D, each.strides, each.pad)
      return tf.grad(convolve)(scatteredTensor(each.filter, 2), scatteredTensor(dyShape, 3))
    })
    const numbers = {
      x: scattered(each.x, 1),
      filter: scattered(each.filter, 2),
      dy: scattered(dyShape, 3),
    }
    const expected = gradients(each, numbers).dFilter
    // sums of as many products as there are pixels
    const tolerance = 3e-6 * Math.sqrt(dyShape[0] * dyShape[1] * dyShape[2])
    expect(largestError(actual as Float32Array, expected)).toBeLessThan(tolerance)
  })

  test('the bias of a fused convolution gets the sum over images and pixels', async () => {
    const [x, filter] = [
      scatteredTensor<tf.Rank.R4>([3, 8, 8, 4], 1),
      scatteredTensor<tf.Rank.R4>([3, 3, 4, 9], 2),
    ]
    const dy = scattered([3, 8, 8, 9], 3)
    const [actual] = await numbersOn(backend, () =>
      tf.grad((bias) => tf.fused.conv2d({ x, filter, bias, strides: 1, pad: 'same' }))(
        tf.zeros([9]),
        tf.tensor(dy, [3, 8, 8, 9]),
      ),
    )
    const expected = new Float64Array(9)
    for (const [i, value] of dy.entries()) expected[i % 9] = (expected[i % 9] as number) + value
    expect(largestError(actual as Float32Array, expected)).toBeLessThan(1e-5)
    tf.dispose([x, filter])
  })
})
