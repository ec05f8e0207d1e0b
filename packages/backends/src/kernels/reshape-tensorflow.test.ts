import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import { diagnose } from '../doctor.ts'
import { held, numbersOn } from '../on-each-backend.fixture.ts'
import { startBackend } from '../start-backend.ts'
import { tensorflow } from '../tensorflow.ts'

const [native] = await diagnose([tensorflow()])
const available = native?.available

describe.skipIf(!available)('reshaping on native TensorFlow', () => {
  test('to the same shape shares the numbers, which outlive either tensor', async () => {
    await startBackend([tensorflow()])
    const before = held()
    const first = tf.tensor2d([1, 2, 3, 4], [2, 2])
    const second = tf.reshape(first, [2, 2])
    const third = tf.reshape(second, [2, -1])
    expect(second.dataId).toBe(first.dataId)
    first.dispose()
    const sum = tf.add(second, third)
    expect([...(await sum.data())]).toEqual([2, 4, 6, 8])
    second.dispose()
    expect([...(await third.data())]).toEqual([1, 2, 3, 4])
    tf.dispose([sum, third])
    expect(held()).toEqual(before)
  })

  test.each([
    { from: [2, 3], to: [3, 2], dtype: 'float32' },
    { from: [4], to: [2, 2], dtype: 'int32' },
    { from: [1], to: [], dtype: 'float32' },
    { from: [0, 3], to: [3, 0], dtype: 'float32' },
    { from: [2, 1], to: [2, 1], dtype: 'bool' },
  ] as const)('$dtype [$from] to [$to]', async ({ from, to, dtype }) => {
    await startBackend([tensorflow()])
    const numbers = Array.from({ length: from.reduce((a: number, b) => a * b, 1) }, (_, i) => i % 2)
    const [values] = await numbersOn('tensorflow', () => {
      const reshaped = tf.reshape(tf.tensor(numbers, [...from], dtype), [...to])
      expect(reshaped).toMatchObject({ shape: to, dtype })
      return reshaped
    })
    expect([...(values as Float32Array)]).toEqual(numbers)
  })
})
