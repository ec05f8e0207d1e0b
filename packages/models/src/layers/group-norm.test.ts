import '@tensorflow/tfjs-core/dist/register_all_gradients.js'
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { groupNorm } from './group-norm.ts'

const waves = (shape: number[], phase: number) =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(phase + 1.7 * i)),
    shape,
  )

/** The definition, by plain operations that the library differentiates. */
function defined(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor, activation: 'silu' | 'linear'): tf.Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number]
  const grouped = tf.reshape(x, [batch, height * width, 32, channels / 32])
  const centered = tf.sub(grouped, tf.mean(grouped, [1, 3], true))
  const variance = tf.mean(tf.square(centered), [1, 3], true)
  const normalized = tf.reshape(tf.div(centered, tf.sqrt(tf.add(variance, 1e-5))), x.shape)
  const rows = (tensor: tf.Tensor) => tf.reshape(tensor, [batch, 1, 1, channels])
  const u = tf.add(tf.mul(normalized, rows(scale)), rows(shift))
  return activation === 'silu' ? tf.mul(u, tf.sigmoid(u)) : u
}

beforeAll(async () => {
  await tf.setBackend('cpu')
})

describe('group normalisation', () => {
  test.each([
    ['silu', 64],
    ['linear', 64],
    ['silu', 32],
  ] as const)('%s, width %i: values and gradients are those of the definition', (activation, channels) => {
    const x = waves([2, 3, 3, channels], 0.3)
    const [scale, shift] = [waves([2, channels], 1), waves([2, channels], 2)]
    const [weight, bias] = [waves([channels], 3), waves([channels], 4)]
    const cotangent = waves([2, 3, 3, channels], 5)
    const ours = (...[input, s, b, w, o]: tf.Tensor[]) =>
      groupNorm(
        { 'norm.weight': w as tf.Tensor, 'norm.bias': o as tf.Tensor },
        'norm',
        input as tf.Tensor4D,
        activation,
        { scale: s as tf.Tensor2D, shift: b as tf.Tensor2D },
      )
    const plain = (...[input, s, b, w, o]: tf.Tensor[]) => {
      const factor = tf.add(s as tf.Tensor, 1)
      return defined(
        input as tf.Tensor,
        tf.mul(factor, w as tf.Tensor),
        tf.add(tf.mul(factor, o as tf.Tensor), b as tf.Tensor),
        activation,
      )
    }
    const inputs = [x, scale, shift, weight, bias]
    const both = [ours, plain].map((run) => [
      run(...inputs),
      ...tf.grads((...args) => tf.sum(tf.mul(run(...args), cotangent)))(inputs),
    ])
    for (const [i, expected] of (both[1] as tf.Tensor[]).entries()) {
      const difference = tf.max(tf.abs(tf.sub(both[0]?.[i] as tf.Tensor, expected))).dataSync()[0]
      expect(difference).toBeLessThan(2e-5)
      expect(tf.max(tf.abs(expected)).dataSync()[0]).toBeGreaterThan(0.1)
    }
  })
})
