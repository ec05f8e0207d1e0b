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
  readonly shape: [number, number, number, number]
  readonly groups: number
  readonly activation: 'silu' | 'linear'
  /** Added to x: where it is large, the variance is a small difference of large squares. */
  readonly mean: number
}

const cases: Case[] = (['silu', 'linear'] as const).flatMap((activation) =>
  [
    { shape: [2, 4, 4, 32], groups: 32, mean: 0 },
    { shape: [3, 7, 5, 96], groups: 32, mean: 0 },
    { shape: [1, 1, 1, 64], groups: 32, mean: 0 },
    { shape: [2, 3, 3, 6], groups: 2, mean: 0 },
    { shape: [1, 36, 36, 8], groups: 4, mean: 0 },
    { shape: [2, 8, 8, 32], groups: 32, mean: 100 },
    // more channels a group than threads share a pixel, and more threads than pixels
    { shape: [1, 8, 8, 768], groups: 32, mean: 0 },
    { shape: [2, 2, 2, 1024], groups: 32, mean: 3 },
    { shape: [1, 1, 1, 2048], groups: 8, mean: 0 },
    { shape: [1, 17, 17, 320], groups: 32, mean: 0 },
  ].map((each) => ({ ...each, activation }) as Case),
)
/** Shapes without a pattern, the same in every run. */
const randomCases = Array.from({ length: 8 }, (_, i): Case => {
  const draws = scattered([6], 91 + i)
  const upTo = (draw: number, most: number) => 1 + Math.floor(((draws[draw] as number) + 1) * 0.5 * most)
  const groups = upTo(0, 12)
  return {
    shape: [upTo(1, 3), upTo(2, 14), upTo(3, 14), groups * upTo(4, 7)],
    groups,
    activation: (draws[5] as number) < 0 ? 'silu' : 'linear',
    mean: 0,
  }
})
const epsilon = 1e-5

/** The definition in plain operations, differentiated by the library. */
function plain(
  x: tf.Tensor4D,
  scale: tf.Tensor2D,
  shift: tf.Tensor2D,
  { groups, activation }: Case,
): tf.Tensor {
  const [batch, height, width, channels] = x.shape
  const grouped = tf.reshape(x, [batch, height * width, groups, channels / groups])
  const centred = tf.sub(grouped, tf.mean(grouped, [1, 3], true))
  const variance = tf.mean(tf.square(centred), [1, 3], true)
  const normal = tf.reshape(tf.div(centred, tf.sqrt(tf.add(variance, epsilon))), x.shape)
  const perPixel = (tensor: tf.Tensor2D) => tf.reshape(tensor, [batch, 1, 1, channels])
  const u = tf.add(tf.mul(normal, perPixel(scale)), perPixel(shift))
  return activation === 'silu' ? tf.mul(u, tf.sigmoid(u)) : u
}

const inputs = ({ shape, mean }: Case) => ({
  x: tf.add(scatteredTensor<tf.Rank.R4>(shape, 1), mean) as tf.Tensor4D,
  scale: scatteredTensor<tf.Rank.R2>([shape[0], shape[3]], 2),
  shift: scatteredTensor<tf.Rank.R2>([shape[0], shape[3]], 3),
  dy: scatteredTensor<tf.Rank.R4>(shape, 4),
})

await onEachBackend(({ backend, kernels }) => {
  const fused = kernels?.includes('GuidedGroupNorm')
  const title = fused ? 'GroupNorm' : 'GroupNorm: this backend composes it of plain operations'
  describe.skipIf(!fused)(title, () => {
    test.each([...cases, ...randomCases])(
      '$activation, $shape in $groups groups, mean $mean',
      async (each) => {
        const { groups, activation } = each
        const attributes = { groups, epsilon, activation }
        const actual = await numbersOn(backend, () => {
          const { x, scale, shift, dy } = inputs(each)
          const y = tf.engine().runKernel('GuidedGroupNorm', { x, scale, shift }, attributes) as tf.Tensor
          const gradients = tf.engine().runKernel('GuidedGroupNormGrad', { dy, x, scale, shift }, attributes)
          expect(y.shape).toEqual(x.shape)
          return [y, ...(gradients as tf.Tensor[])]
        })
        const expected = await numbersOn('cpu', () => {
          const { x, scale, shift, dy } = inputs(each)
          const value = plain(x, scale, shift, each)
          const definition = (...args: tf.Tensor[]) =>
            plain(args[0] as tf.Tensor4D, args[1] as tf.Tensor2D, args[2] as tf.Tensor2D, each)
          return [value, ...tf.grads(definition)([x, scale, shift], dy)]
        })
        const pixels = each.shape[1] * each.shape[2]
        // one unit in the last place of 100 is 8e-6, a 75,000th of the deviation
        const tolerance = each.mean === 0 ? 1e-5 : 1e-3
        for (const [i, name] of (['y', 'dx', 'dscale', 'dshift'] as const).entries()) {
          const size = name.startsWith('ds') ? Math.sqrt(pixels) : 1
          const error = largestError(actual[i] as Float32Array, expected[i] as Float32Array)
          expect(error, name).toBeLessThan(tolerance * size)
        }
      },
    )
  })
}, fusing)
