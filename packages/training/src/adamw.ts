import * as tf from '@tensorflow/tfjs-core'
import { TrainingOptionError } from './errors.ts'
import type { Optimizer } from './optimizer.ts'

export interface AdamWOptions {
  readonly learningRate: number
  /** @default 0.9 */
  readonly beta1?: number
  /** @default 0.999 */
  readonly beta2?: number
  /** @default 1e-8 */
  readonly epsilon?: number
  /** Decoupled: every parameter shrinks by learningRate · weightDecay a step. @default 0 */
  readonly weightDecay?: number
}

/**
 * Adam with decoupled weight decay.
 *
 * m ← β₁ m + (1−β₁) g,   v ← β₂ v + (1−β₂) g²,
 * θ ← θ − α (m / (1−β₁ᵏ) / (√(v / (1−β₂ᵏ)) + ε) + λ θ)
 *
 * @throws TrainingOptionError when an option is out of range.
 * @see Loshchilov & Hutter 2019, algorithm 2, https://arxiv.org/abs/1711.05101
 */
export function adamw(options: AdamWOptions): Optimizer {
  const { learningRate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = options
  if (!(learningRate > 0)) {
    throw new TrainingOptionError({
      option: 'learningRate',
      value: learningRate,
      expected: 'a positive number',
      advice: 'Start from 1e-4 for large networks, 5e-4 for small ones.',
    })
  }
  for (const [option, value, sound, expected] of [
    ['beta1', beta1, beta1 >= 0 && beta1 < 1, 'a number in [0, 1)'],
    ['beta2', beta2, beta2 >= 0 && beta2 < 1, 'a number in [0, 1)'],
    ['epsilon', epsilon, epsilon > 0, 'a positive number'],
    ['weightDecay', weightDecay, weightDecay >= 0, 'a number of at least 0'],
  ] as const) {
    if (!sound)
      throw new TrainingOptionError({ option, value, expected, advice: 'Leave it out for the default.' })
  }
  return {
    learningRate,
    init: (parameters) => [tf.zerosLike(parameters), tf.zerosLike(parameters)],
    update: ({ parameters, gradient, moments, step, factor }) => {
      const rate = learningRate * factor
      const [first, second, next] = tf.tidy(() => {
        const m = tf.add(tf.mul(moments[0] as tf.Tensor1D, beta1), tf.mul(gradient, 1 - beta1)) as tf.Tensor1D
        const v = tf.add(
          tf.mul(moments[1] as tf.Tensor1D, beta2),
          tf.mul(tf.square(gradient), 1 - beta2),
        ) as tf.Tensor1D
        // √(v / c) + ε = (√v + ε √c) / √c
        const correction = Math.sqrt(1 - beta2 ** step)
        const scaled = tf.div(m, tf.add(tf.sqrt(v), epsilon * correction))
        const decayed = weightDecay === 0 ? parameters : tf.mul(parameters, 1 - rate * weightDecay)
        const change = tf.mul(scaled, (rate * correction) / (1 - beta1 ** step))
        return [m, v, tf.sub(decayed, change) as tf.Tensor1D] as const
      }) as unknown as [tf.Tensor1D, tf.Tensor1D, tf.Tensor1D]
      return { parameters: next, moments: [first, second] }
    },
  }
}
