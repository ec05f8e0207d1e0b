import '@tensorflow/tfjs-core/dist/register_all_gradients.js'
import '@tensorflow/tfjs-backend-cpu'
import { golden, goldenError, goldenWeights } from '@guided-diffusion/tooling/golden'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { createEncoderUNet } from './encoder-unet.ts'
import { timestepEmbedding } from './layers/timestep-embedding.ts'
import {
  encoderConfigFromReference,
  type ReferenceOptions,
  unetConfigFromReference,
} from './reference-options.ts'
import { createSuperResolutionUNet } from './super-resolution.ts'
import { createUNet } from './unet.ts'

interface NetworkCase {
  readonly config: ReferenceOptions
  readonly salt: string
  readonly keys: Record<string, number[]>
}

function load(name: string) {
  const { case: facts, tensors, tolerance } = golden(name)
  const network = facts as unknown as NetworkCase
  const raw = (key: string) => {
    const tensor = tensors.get(key)
    if (!tensor) throw new Error(`${name} has no ${key}`)
    return {
      shape: [...tensor.shape],
      data: Float32Array.from(tensor.data as Iterable<number | bigint>, Number),
    }
  }
  const images = (key: string) => {
    const { shape, data } = raw(key)
    return tf.tidy(() =>
      tf.transpose(tf.tensor4d(data, shape as [number, number, number, number]), [0, 2, 3, 1]),
    )
  }
  const vector = (key: string, dtype: 'float32' | 'int32' = 'float32') => tf.tensor1d(raw(key).data, dtype)
  return {
    network,
    tensors,
    tolerance,
    raw,
    images,
    vector,
    weights: goldenWeights(network.salt, network.keys ?? {}),
  }
}

async function pixels(tensor: tf.Tensor4D): Promise<Float32Array> {
  return (await tf.tidy(() => tf.transpose(tensor, [0, 3, 1, 2])).data<'float32'>()) as Float32Array
}

beforeAll(async () => {
  await tf.setBackend('cpu')
})

describe('the UNet equals the reference', () => {
  // gradients take most of the time on this backend: those of four networks, which have all layers between them
  test.each([
    ['unet-a-adm', 'gradient'],
    ['unet-b-heads-legacy', 'no gradient'],
    ['unet-c-noscale-convresample', 'gradient'],
    ['unet-d-avgpool-resample', 'no gradient'],
    ['unet-e-depth2-3levels', 'no gradient'],
    ['unet-f-gray-uncond', 'gradient'],
    ['unet-g-heads-upsample', 'gradient'],
  ])('%s: output, blocks, %s of x', async (name, gradient) => {
    const vector = load(name)
    const unet = createUNet(unetConfigFromReference(vector.network.config), vector.weights)
    const labels = vector.tensors.has('in:y') ? vector.vector('in:y', 'int32') : undefined
    const [x, t, cotangent] = [vector.images('in:x'), vector.vector('in:t'), vector.images('cotangent')]
    const blocks = new Map<string, tf.Tensor4D>()
    const output = unet.forward(x, t, labels, {
      observe: (block, value) => void blocks.set(block, tf.keep(value)),
    })
    expect(goldenError(await pixels(output), vector.raw('out').data)).toBeLessThan(vector.tolerance)
    const observed = [...vector.tensors.keys()].filter((key) => key.startsWith('act:'))
    if (name === 'unet-a-adm') expect(observed.length).toBeGreaterThan(4)
    for (const key of observed) {
      const actual = await pixels(blocks.get(key.slice(4)) as tf.Tensor4D)
      expect(goldenError(actual, vector.raw(key).data), key).toBeLessThan(vector.tolerance)
    }
    if (gradient === 'gradient') {
      const dx = tf.grad((images) =>
        tf.sum(tf.mul(unet.forward(images as tf.Tensor4D, t, labels), cotangent)),
      )(x)
      expect(goldenError(await pixels(dx as tf.Tensor4D), vector.raw('grad:x').data)).toBeLessThan(
        vector.tolerance,
      )
    }
    unet.dispose()
  })

  test('superres', async () => {
    const vector = load('superres')
    const unet = createSuperResolutionUNet(unetConfigFromReference(vector.network.config), vector.weights)
    const output = unet
      .upscaling(vector.images('in:low_res'))
      .forward(vector.images('in:x'), vector.vector('in:t'), vector.vector('in:y', 'int32'))
    expect(goldenError(await pixels(output), vector.raw('out').data)).toBeLessThan(vector.tolerance)
    unet.dispose()
  })
})

describe('the encoder equals the reference', () => {
  test.each(['classifier-attention', 'classifier-adaptive', 'classifier-spatial', 'classifier-spatial-v2'])(
    '%s: logits, log p(y | x), its gradient',
    async (name) => {
      const vector = load(name)
      const encoder = createEncoderUNet(encoderConfigFromReference(vector.network.config), vector.weights)
      const [x, t] = [vector.images('in:x'), vector.vector('in:t')]
      const labels = tf.cast(tf.oneHot(vector.vector('in:y', 'int32'), encoder.config.outChannels), 'float32')
      const logProbability = (images: tf.Tensor) =>
        tf.sum(tf.mul(tf.logSoftmax(encoder.forward(images as tf.Tensor4D, t)), labels), 1)
      const logits = await encoder.forward(x, t).data()
      expect(goldenError(logits as Float32Array, vector.raw('logits').data)).toBeLessThan(vector.tolerance)
      const value = await logProbability(x).data()
      expect(goldenError(value as Float32Array, vector.raw('log_prob').data)).toBeLessThan(vector.tolerance)
      const gradient = await pixels(tf.grad((images) => tf.sum(logProbability(images)))(x) as tf.Tensor4D)
      expect(goldenError(gradient, vector.raw('grad_log_prob').data)).toBeLessThan(vector.tolerance)
      encoder.dispose()
    },
  )
})

describe('the timestep embedding equals the reference', () => {
  // the exponentials of two libraries differ by a unit in the last place, which t = 997.25 makes 3e-5
  test.each([
    ['t', 'emb32', 32, 1e-6],
    ['t', 'emb33', 33, 1e-6],
    ['t_frac', 'emb_frac64', 64, 1e-4],
  ])('%s → %s', async (from, to, width, tolerance) => {
    const vector = load('timestep-embedding')
    const actual = await timestepEmbedding(vector.vector(from), width).data()
    expect(goldenError(actual as Float32Array, vector.raw(to).data)).toBeLessThan(tolerance)
  })
})
