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
  test.each(convolutionsOn(backend))('gradient of the input: $title', async (each) => {
    const dyShape = outputShape(each)
    const [actual] = await numbersOn(backend, () => {
      const filter = scatteredTensor<tf.Rank.R4>(each.filter, 2)
      const convolve = (x: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, filter, each.strides, each.pad)
      return tf.grad(convolve)(scatteredTensor(each.x, 1), scatteredTensor(dyShape, 3))
    })
    const numbers = {
      x: scattered(each.x, 1),
      filter: scattered(each.filter, 2),
      dy: scattered(dyShape, 3),
    }
    expect(largestError(actual as Float32Array, gradients(each, numbers).dx)).toBeLessThan(5e-5)
  })

  test('a transposed convolution is the same operation', async () => {
    const [actual] = await numbersOn(backend, () =>
      tf.conv2dTranspose(
        scatteredTensor<tf.Rank.R4>([1, 3, 4, 2], 1),
        scatteredTensor<tf.Rank.R4>([3, 3, 5, 2], 2),
        [1, 6, 8, 5],
        2,
        'same',
      ),
    )
    const [expected] = await numbersOn('cpu', () =>
      tf.conv2dTranspose(
        scatteredTensor<tf.Rank.R4>([1, 3, 4, 2], 1),
        scatteredTensor<tf.Rank.R4>([3, 3, 5, 2], 2),
        [1, 6, 8, 5],
        2,
        'same',
      ),
    )
    expect(largestError(actual as Float32Array, expected as Float32Array)).toBeLessThan(1e-5)
  })
})
