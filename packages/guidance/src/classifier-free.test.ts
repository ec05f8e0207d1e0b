import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import type { Denoiser } from '@guided-diffusion/diffusion'
import { createUNet } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { classifierFree, unconditional } from './classifier-free.ts'

/** Says x + label of the image, −1 without one; and of the variance the label, −7 without one. */
function counted() {
  const calls: string[] = []
  const denoiser: Denoiser = {
    forward: (x, _, labels) => {
      calls.push(labels ? 'class' : 'none')
      return tf.tidy(() => {
        const shift = labels ? tf.reshape(tf.cast(labels, 'float32'), [-1, 1, 1, 1]) : tf.scalar(-1)
        const variance = tf.add(tf.zerosLike(x), labels ? shift : -7)
        return tf.concat([tf.add(x, shift), variance], 3) as tf.Tensor4D
      })
    },
  }
  return { denoiser, calls }
}

const x = [0.5, -0.5]
/** [prediction, variance] of each of two images with the labels 2 and 4. */
async function output(denoiser: Denoiser, labels: number[] | undefined = [2, 4]) {
  const inputs = [tf.tensor4d(x, [2, 1, 1, 1]), tf.tensor1d([9, 9])] as const
  const classes = labels.length > 0 ? tf.tensor1d(labels, 'int32') : undefined
  const answered = await denoiser.forward(...inputs, classes)
  const values = [...answered.dataSync()]
  tf.dispose([...inputs, answered, ...(classes ? [classes] : [])])
  return values
}

beforeAll(() => startBackend([cpu()]))

describe('classifier-free guidance', () => {
  test('of w = 0 is the network without a class, in one pass', async () => {
    const { denoiser, calls } = counted()
    expect(await output(classifierFree(denoiser, { scale: 0 }))).toEqual([-0.5, -7, -1.5, -7])
    expect(calls).toEqual(['none'])
  })

  test('of w = 1 is the network with the class, in one pass', async () => {
    const { denoiser, calls } = counted()
    expect(await output(classifierFree(denoiser, { scale: 1 }))).toEqual([2.5, 2, 3.5, 4])
    expect(calls).toEqual(['class'])
  })

  test.each([0.5, 2, 3.5, -1])(
    'of w = %d is ∅ + w (y − ∅), with the variance of the class',
    async (scale) => {
      const { denoiser, calls } = counted()
      const values = await output(classifierFree(denoiser, { scale }))
      expect(values).toEqual(
        [0.5 - 1 + scale * 3, 2, -0.5 - 1 + scale * 5, 4].map((value) => expect.closeTo(value, 6)),
      )
      expect(calls.sort()).toEqual(['class', 'none'])
    },
  )

  test('without labels is the network without a class', async () => {
    const { denoiser } = counted()
    expect(await output(classifierFree(denoiser, { scale: 3 }), [])).toEqual([-0.5, -7, -1.5, -7])
  })

  test('mixes networks that answer by a promise', async () => {
    const { denoiser } = counted()
    const later: Denoiser = { forward: async (...inputs) => denoiser.forward(...inputs) }
    expect(await output(classifierFree(later, { scale: 2 }))).toEqual(
      await output(classifierFree(denoiser, { scale: 2 })),
    )
  })

  test('mixes outputs without a variance', async () => {
    const plain: Denoiser = { forward: (images, _, labels) => tf.fill(images.shape, labels ? 1 : 3) }
    expect(await output(classifierFree(plain, { scale: 2 }))).toEqual([-1, -1])
  })

  test('leaves one tensor, whatever w', () => {
    const { denoiser } = counted()
    const inputs = [tf.tensor4d(x, [2, 1, 1, 1]), tf.tensor1d([9, 9]), tf.tensor1d([2, 4], 'int32')] as const
    const before = tf.memory().numTensors
    for (const scale of [0, 1, 2]) {
      const answered = classifierFree(denoiser, { scale }).forward(...inputs) as tf.Tensor4D
      expect(tf.memory().numTensors).toBe(before + 1)
      answered.dispose()
    }
    tf.dispose([...inputs])
  })

  test('leaves nothing of the first pass when the second fails, at once or by a promise', async () => {
    const { denoiser } = counted()
    const fail = (labels: tf.Tensor1D | undefined) => {
      if (!labels) throw new Error('boom')
    }
    const inputs = [tf.tensor4d(x, [2, 1, 1, 1]), tf.tensor1d([9, 9]), tf.tensor1d([2, 4], 'int32')] as const
    const before = tf.memory().numTensors
    const once: Denoiser = {
      forward: (images, t, labels) => {
        fail(labels)
        return denoiser.forward(images, t, labels)
      },
    }
    expect(() => classifierFree(once, { scale: 2 }).forward(...inputs)).toThrow('boom')
    expect(tf.memory().numTensors).toBe(before)
    const later: Denoiser = { forward: async (...given) => once.forward(...given) }
    await expect(classifierFree(later, { scale: 2 }).forward(...inputs)).rejects.toThrow('boom')
    expect(tf.memory().numTensors).toBe(before)
    tf.dispose([...inputs])
  })

  test('wants a finite w', () => {
    const { denoiser } = counted()
    expect(() => classifierFree(denoiser, { scale: Number.NaN })).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: scale is NaN, expected a finite number.]`,
    )
  })

  test('wants a network with a null class', () => {
    const config = { size: 2, inChannels: 1, outChannels: 1, channels: 32, multipliers: [1], blocks: 1 }
    const refused = (more: { classes?: number }) => {
      const unet = createUNet({ ...config, ...more }, { seed: 1 })
      try {
        classifierFree(unet, { scale: 2 })
      } finally {
        unet.dispose()
      }
    }
    expect(() => refused({})).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: denoiser is {"classes":null,"nullClass":false}, expected a network with classes and a null class.]`,
    )
    expect(() => refused({ classes: 3 })).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: denoiser is {"classes":3,"nullClass":false}, expected a network with classes and a null class.]`,
    )
    const unet = createUNet({ ...config, classes: 3, nullClass: true }, { seed: 1 })
    expect(() => classifierFree(unet, { scale: 2 })).not.toThrow()
    unet.dispose()
  })
})

test('an unconditional denoiser is never told the class', async () => {
  const { denoiser, calls } = counted()
  expect(await output(unconditional(denoiser))).toEqual([-0.5, -7, -1.5, -7])
  expect(calls).toEqual(['none'])
})
