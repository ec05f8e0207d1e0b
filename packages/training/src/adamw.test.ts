import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { type AdamWOptions, adamw } from './adamw.ts'

beforeAll(async () => {
  await tf.setBackend('cpu')
})

/** The parameter after each gradient, starting from 1. */
function path(
  options: AdamWOptions,
  gradients: readonly number[],
  factors: readonly number[] = [],
): number[] {
  const optimizer = adamw(options)
  let parameters = tf.tensor1d([1])
  let moments = optimizer.init(parameters)
  return gradients.map((g, i) => {
    const gradient = tf.tensor1d([g])
    const next = optimizer.update({ parameters, gradient, moments, step: i + 1, factor: factors[i] ?? 1 })
    parameters = next.parameters
    moments = next.moments
    return parameters.dataSync()[0] as number
  })
}

describe('AdamW', () => {
  test('the first step has the length of the learning rate, whatever the gradient', () => {
    for (const gradient of [1e-3, 1, 1e3]) {
      expect(path({ learningRate: 0.1 }, [gradient])[0]).toBeCloseTo(0.9, 5)
      expect(path({ learningRate: 0.1 }, [-gradient])[0]).toBeCloseTo(1.1, 5)
    }
  })

  test('two steps by hand', () => {
    // β₁ = 0.5, β₂ = 0.75, gradients 2 then −1:
    // m = 1, 0; v = 1, 1; m̂ = 2, 0; v̂ = 4, 16/7
    expect(path({ learningRate: 0.1, beta1: 0.5, beta2: 0.75 }, [2, -1])).toEqual([
      expect.closeTo(0.9, 6),
      expect.closeTo(0.9, 6),
    ])
    // gradients 2 then 1: m = 1, 1; v = 1, 1; m̂₂ = 4/3, v̂₂ = 16/7
    const second = 0.9 - (0.1 * (4 / 3)) / Math.sqrt(16 / 7)
    expect(path({ learningRate: 0.1, beta1: 0.5, beta2: 0.75 }, [2, 1])[1]).toBeCloseTo(second, 6)
  })

  test('epsilon is added to the corrected root', () => {
    // m̂ / (√v̂ + ε) = 1 / (1 + 1)
    expect(path({ learningRate: 0.1, epsilon: 1 }, [1])[0]).toBeCloseTo(0.95, 6)
  })

  test('weight decay shrinks the parameter, apart from the gradient', () => {
    // 1 − 0.1 · 0.5 with no gradient; with one, 0.1 less
    expect(path({ learningRate: 0.1, weightDecay: 0.5 }, [0])[0]).toBeCloseTo(0.95, 6)
    expect(path({ learningRate: 0.1, weightDecay: 0.5 }, [3])[0]).toBeCloseTo(0.85, 6)
  })

  test('the factor scales the step and the decay', () => {
    expect(path({ learningRate: 0.1, weightDecay: 0.5 }, [3], [0.5])[0]).toBeCloseTo(1 - 0.025 - 0.05, 6)
  })

  // torch.optim.AdamW(lr 0.1, betas (0.9, 0.99), eps 1e-8, weight_decay 0.1), parameter 1
  test('many steps equal PyTorch', () => {
    const gradients = [0.5, -0.2, 0.1, 0.4, -0.9, 0.3]
    const expected = [0.89, 0.8464826, 0.7999406, 0.7324651, 0.738484, 0.7288232]
    const actual = path({ learningRate: 0.1, beta2: 0.99, weightDecay: 0.1 }, gradients)
    for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 5)
  })

  test('lends its arguments and gives three vectors', () => {
    const optimizer = adamw({ learningRate: 0.1, weightDecay: 0.1 })
    const [parameters, gradient] = [tf.tensor1d([1, 2]), tf.tensor1d([3, 4])]
    const before = tf.memory().numTensors
    const moments = optimizer.init(parameters)
    expect(tf.memory().numTensors).toBe(before + 2)
    optimizer.update({ parameters, gradient, moments, step: 1, factor: 1 })
    expect(tf.memory().numTensors).toBe(before + 5)
    expect([...parameters.dataSync(), ...gradient.dataSync()]).toEqual([1, 2, 3, 4])
  })

  test('options out of range are refused', () => {
    expect(() => adamw({ learningRate: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[TrainingOptionError: learningRate is 0, expected a positive number.]`,
    )
    expect(() => adamw({ learningRate: Number.NaN })).toThrowErrorMatchingInlineSnapshot(
      `[TrainingOptionError: learningRate is NaN, expected a positive number.]`,
    )
    expect(() => adamw({ learningRate: 1, beta1: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[TrainingOptionError: beta1 is 1, expected a number in [0, 1).]`,
    )
    expect(() => adamw({ learningRate: 1, beta2: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[TrainingOptionError: beta2 is -1, expected a number in [0, 1).]`,
    )
    expect(() => adamw({ learningRate: 1, epsilon: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[TrainingOptionError: epsilon is 0, expected a positive number.]`,
    )
    expect(() => adamw({ learningRate: 1, weightDecay: -0.1 })).toThrowErrorMatchingInlineSnapshot(
      `[TrainingOptionError: weightDecay is -0.1, expected a number of at least 0.]`,
    )
  })
})
