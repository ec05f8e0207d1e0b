import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import {
  fusing,
  largestError,
  numbersOn,
  onEachBackend,
  scattered,
  scatteredTensor,
} from '../on-each-backend.fixture.ts'

interface Case {
  readonly batch: number
  readonly length: number
  readonly heads: number
  readonly width: number
  readonly order: 'legacy' | 'new'
  /** Factor on queries, keys and values: where it is large, one weight is nearly 1 and the others nearly 0. */
  readonly size: number
}

const cases: Case[] = (['legacy', 'new'] as const).flatMap((order) =>
  [
    { batch: 2, length: 16, heads: 2, width: 32, size: 1 },
    { batch: 1, length: 1, heads: 1, width: 1, size: 1 },
    { batch: 3, length: 5, heads: 3, width: 7, size: 1 },
    { batch: 1, length: 17, heads: 4, width: 16, size: 30 },
    { batch: 1, length: 49, heads: 3, width: 33, size: 1 },
    { batch: 2, length: 101, heads: 1, width: 64, size: 2 },
    { batch: 1, length: 200, heads: 2, width: 20, size: 1 },
  ].map((each) => ({ ...each, order })),
)

/** Shapes without a pattern, the same in every run. */
const randomCases = Array.from({ length: 8 }, (_, i): Case => {
  const draws = scattered([5], 77 + i)
  const upTo = (draw: number, most: number) => 1 + Math.floor(((draws[draw] as number) + 1) * 0.5 * most)
  return {
    batch: upTo(0, 3),
    length: upTo(1, 140),
    heads: upTo(2, 4),
    width: upTo(3, 70),
    order: (draws[4] as number) < 0 ? 'legacy' : 'new',
    size: 1,
  }
})

/** The definition in plain operations, differentiated by the library. */
function plain(qkv: tf.Tensor3D, { batch, length, heads, width, order }: Case): tf.Tensor {
  const [axes, part] = order === 'legacy' ? [[heads, 3], 3] : [[3, heads], 2]
  const parted = tf.split(tf.reshape(qkv, [batch, length, ...axes, width]), 3, part)
  const [q, k, v] = parted.map((each) =>
    tf.transpose(tf.reshape(each, [batch, length, heads, width]), [0, 2, 1, 3]),
  ) as [tf.Tensor, tf.Tensor, tf.Tensor]
  const weights = tf.softmax(tf.div(tf.matMul(q, k, false, true), Math.sqrt(width)))
  return tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), [batch, length, heads * width])
}

const inputs = ({ batch, length, heads, width, size }: Case) => ({
  qkv: tf.mul(scatteredTensor<tf.Rank.R3>([batch, length, 3 * heads * width], 1), size) as tf.Tensor3D,
  dy: scatteredTensor<tf.Rank.R3>([batch, length, heads * width], 2),
})

await onEachBackend(({ backend, kernels }) => {
  const fused = kernels?.includes('GuidedAttention')
  const title = fused ? 'attention' : 'attention: this backend composes it of plain operations'
  describe.skipIf(!fused)(title, () => {
    test.each([...cases, ...randomCases])(
      '$order, $batch × $length pixels, $heads heads of $width, size $size',
      async (each) => {
        const { heads, order } = each
        const [y, dqkv] = (await numbersOn(backend, () => {
          const { qkv, dy } = inputs(each)
          const value = tf.engine().runKernel('GuidedAttention', { qkv }, { heads, order }) as tf.Tensor
          const gradient = tf.engine().runKernel('GuidedAttentionGrad', { dy, qkv }, { heads, order })
          expect(value.shape).toEqual(dy.shape)
          expect((gradient as tf.Tensor).shape).toEqual(qkv.shape)
          return [value, gradient as tf.Tensor]
        })) as [Float32Array, Float32Array]
        const [expectedY, expectedDqkv] = (await numbersOn('cpu', () => {
          const { qkv, dy } = inputs(each)
          return [plain(qkv, each), tf.grad((x) => plain(x as tf.Tensor3D, each))(qkv, dy)]
        })) as [Float32Array, Float32Array]
        const scale = Math.max(...expectedDqkv.map(Math.abs))
        expect(largestError(y, expectedY), 'y').toBeLessThan(2e-6 * each.size ** 3)
        expect(largestError(dqkv, expectedDqkv) / scale, 'dqkv').toBeLessThan(2e-6 * each.size ** 2)
      },
    )

    test('NaN stays NaN', async () => {
      const [y] = await numbersOn(backend, () => {
        const qkv = tf.fill([1, 3, 6], Number.NaN)
        return tf.engine().runKernel('GuidedAttention', { qkv }, { heads: 1, order: 'new' }) as tf.Tensor
      })
      expect([...(y as Float32Array)].every(Number.isNaN)).toBe(true)
    })
  })
}, fusing)
