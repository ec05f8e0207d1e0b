import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { clipByNorm, globalNorm } from './clip.ts'

beforeAll(async () => {
  await tf.setBackend('cpu')
})

const clipped = (gradient: readonly number[], maximum: number) => {
  const vector = tf.tensor1d([...gradient])
  return Array.from(clipByNorm(vector, globalNorm(vector), maximum).dataSync())
}

describe('clipping', () => {
  test('the norm is that of the whole vector', () => {
    expect(globalNorm(tf.tensor1d([3, 4, 12])).dataSync()[0]).toBe(13)
  })

  test('shortens what is too long, in its direction', () => {
    expect(clipped([3, 4], 1)).toEqual([expect.closeTo(0.6, 6), expect.closeTo(0.8, 6)])
  })

  test('leaves what is short enough as it is', () => {
    expect(clipped([3, 4], 5)).toEqual([3, 4])
    expect(clipped([3, 4], 50)).toEqual([3, 4])
    expect(clipped([0, 0], 1)).toEqual([0, 0])
  })

  test('leaves nothing behind', () => {
    const vector = tf.tensor1d([3, 4])
    const before = tf.memory().numTensors
    const norm = globalNorm(vector)
    tf.dispose([norm, clipByNorm(vector, norm, 1)])
    expect(tf.memory().numTensors).toBe(before)
  })
})
