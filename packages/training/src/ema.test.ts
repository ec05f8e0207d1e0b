import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { updateAverage } from './ema.ts'

beforeAll(async () => {
  await tf.setBackend('cpu')
})

/** The average after n steps with parameters 1, 2, …, n, starting from 0. */
function average(steps: number, decay: number, warmup: boolean): number {
  let value = tf.tensor1d([0])
  for (let step = 1; step <= steps; step++)
    value = updateAverage(value, tf.tensor1d([step]), { decay, step, warmup })
  return value.dataSync()[0] as number
}

describe('the average of the weights', () => {
  test('without warm-up is Σ (1 − d) d^(n−k) θ_k', () => {
    for (const [steps, decay] of [
      [1, 0.9],
      [20, 0.9],
      [50, 0.99],
    ] as const) {
      let expected = 0
      for (let k = 1; k <= steps; k++) expected += (1 - decay) * decay ** (steps - k) * k
      expect(average(steps, decay, false)).toBeCloseTo(expected, 4)
    }
  })

  test('with warm-up has decay (1 + k)/(10 + k) until that exceeds its own', () => {
    // weights of a product telescope: Π_{j=k+1..n} (1+j)/(10+j) = Π_{i=2..10} (k+i)/(n+i)
    const steps = 30
    let expected = 0
    for (let k = 1; k <= steps; k++) {
      let kept = 1
      for (let i = 2; i <= 10; i++) kept *= (k + i) / (steps + i)
      expected += (9 / (10 + k)) * kept * k
    }
    expect(average(steps, 0.9999, true)).toBeCloseTo(expected, 3)
  })

  test('after the warm-up decays at its own rate', () => {
    // (1 + 8)/(10 + 8) = 0.5: from step 8 on, d = 0.5
    const [early, late] = [average(7, 0.5, true), average(8, 0.5, true)]
    expect(late).toBeCloseTo(0.5 * early + 0.5 * 8, 5)
    expect(average(9, 0.5, true)).toBeCloseTo(0.5 * late + 0.5 * 9, 5)
  })

  test('lends its arguments and gives one vector', () => {
    const [a, b] = [tf.tensor1d([1]), tf.tensor1d([2])]
    const before = tf.memory().numTensors
    updateAverage(a, b, { decay: 0.5, step: 1, warmup: true })
    expect(tf.memory().numTensors).toBe(before + 1)
    expect(a.isDisposed || b.isDisposed).toBe(false)
  })
})
