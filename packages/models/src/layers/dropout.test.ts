import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { createDropout } from './dropout.ts'

beforeAll(async () => {
  await tf.setBackend('cpu')
})

const ones = () => tf.ones([4, 16, 16, 8]) as tf.Tensor4D
const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync())

describe('dropout', () => {
  test('zeroes with the given probability and keeps the expected value', () => {
    const dropped = values(createDropout(0.3, { seed: 1, index: 2 })(ones()))
    expect(new Set(dropped)).toEqual(new Set([0, Math.fround(1 / 0.7)]))
    const rate = dropped.filter((value) => value === 0).length / dropped.length
    expect(Math.abs(rate - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / dropped.length))
  })

  test('has its own mask in each layer, the same for the same key', () => {
    const pass = () => {
      const dropout = createDropout(0.5, { seed: 1, index: 2 })
      return [values(dropout(ones())), values(dropout(ones()))]
    }
    const [first, second] = pass()
    expect(pass()).toEqual([first, second])
    expect(first).not.toEqual(second)
    expect(values(createDropout(0.5, { seed: 1, index: 3 })(ones()))).not.toEqual(first)
  })

  test('is the identity without a key and at rate 0', () => {
    const x = ones()
    expect(createDropout(0.5)(x)).toBe(x)
    expect(createDropout(0, { seed: 1, index: 2 })(x)).toBe(x)
  })
})
