import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import { fusing, largestError, numbersOn, onEachBackend } from '../on-each-backend.fixture.ts'
import { attentions, expectedOf, inputs, title } from './attention.fixture.ts'

await onEachBackend(({ backend, kernels }) => {
  const fused = kernels?.includes('GuidedAttention')
  const suite = fused ? 'attention' : 'attention: this backend composes it of plain operations'
  describe.skipIf(!fused)(suite, () => {
    test.each(attentions.map((each) => ({ ...each, title: title(each) })))('$title', async (each) => {
      const { heads, order } = each
      const [y, dqkv] = (await numbersOn(backend, () => {
        const { qkv, dy } = inputs(each)
        const value = tf.engine().runKernel('GuidedAttention', { qkv }, { heads, order }) as tf.Tensor
        const gradient = tf.engine().runKernel('GuidedAttentionGrad', { dy, qkv }, { heads, order })
        expect(value.shape).toEqual(dy.shape)
        expect((gradient as tf.Tensor).shape).toEqual(qkv.shape)
        return [value, gradient as tf.Tensor]
      })) as [Float32Array, Float32Array]
      const [expectedY, expectedDqkv] = await expectedOf(each)
      const scale = Math.max(...expectedDqkv.map(Math.abs))
      expect(largestError(y, expectedY), 'y').toBeLessThan(2e-6 * each.size ** 3)
      expect(largestError(dqkv, expectedDqkv) / scale, 'dqkv').toBeLessThan(2e-6 * each.size ** 2)
    })

    test('NaN stays NaN', async () => {
      const [y] = await numbersOn(backend, () => {
        const qkv = tf.fill([1, 3, 6], Number.NaN)
        return tf.engine().runKernel('GuidedAttention', { qkv }, { heads: 1, order: 'new' }) as tf.Tensor
      })
      expect([...(y as Float32Array)].every(Number.isNaN)).toBe(true)
    })
  })
}, fusing)
