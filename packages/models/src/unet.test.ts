import '@tensorflow/tfjs-core/dist/register_all_gradients.js'
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { createEncoderUNet } from './encoder-unet.ts'
import { initialValues } from './initial-weights.ts'
import { networkSpecs } from './network-specs.ts'
import { createSuperResolutionUNet } from './super-resolution.ts'
import { createUNet } from './unet.ts'
import type { UNetConfig } from './unet-config.ts'
import type { FileTensors } from './weights.ts'

const config: UNetConfig = {
  size: 4,
  inChannels: 1,
  outChannels: 1,
  channels: 32,
  multipliers: [1, 1],
  blocks: 1,
  attention: [2],
  classes: 3,
  nullClass: true,
  dropout: 0.5,
}

/** As fresh, but with the layers that start at zero filled too, so that everything matters. */
function busyWeights(of: UNetConfig, kind: 'unet' | 'super-resolution' = 'unet'): FileTensors {
  return new Map(
    networkSpecs({ kind, config: of }).map((spec) => {
      const initial = spec.initial === 'zeros' ? 'uniform' : spec.initial
      return [spec.name, { shape: spec.shape, data: initialValues({ ...spec, initial }, 1) }]
    }),
  )
}

const images = (count: number, channels = 1, size = 4) =>
  tf.tensor4d(
    Float32Array.from({ length: count * size * size * channels }, (_, i) => Math.sin(1 + i)),
    [count, size, size, channels],
  )
const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync())

beforeAll(async () => {
  await tf.setBackend('cpu')
})

describe('the UNet', () => {
  test('fresh, predicts zero: its last layer is zero', () => {
    const unet = createUNet(config, { seed: 1 })
    const output = unet.forward(images(2), tf.tensor1d([3, 500]))
    expect(output.shape).toEqual([2, 4, 4, 1])
    expect(new Set(values(output))).toEqual(new Set([0]))
    unet.dispose()
  })

  test('treats each image of a batch alone', () => {
    const unet = createUNet(config, busyWeights(config))
    const [x, t, labels] = [images(3), tf.tensor1d([0, 10, 999]), tf.tensor1d([2, 0, 1], 'int32')]
    const together = values(unet.forward(x, t, labels))
    for (let i = 0; i < 3; i++) {
      const alone = unet.forward(
        tf.slice(x, [i, 0, 0, 0], [1, 4, 4, 1]),
        tf.slice(t, [i], [1]),
        tf.slice(labels, [i], [1]),
      )
      expect(
        Math.max(...values(alone).map((v, j) => Math.abs(v - (together[i * 16 + j] as number)))),
      ).toBeLessThan(1e-5)
    }
    unet.dispose()
  })

  test('takes no labels for the null class, and knows the classes apart', () => {
    const unet = createUNet(config, busyWeights(config))
    const [x, t] = [images(1), tf.tensor1d([10])]
    const under = (label: number) => values(unet.forward(x, t, tf.tensor1d([label], 'int32')))
    expect(values(unet.forward(x, t))).toEqual(under(3))
    expect(under(0)).not.toEqual(under(3))
    expect(under(0)).not.toEqual(under(1))
    unet.dispose()
  })

  test('drops the same activations for the same key, others for another, none without', () => {
    const unet = createUNet(config, busyWeights(config))
    const [x, t] = [images(1), tf.tensor1d([10])]
    const run = (dropout?: { seed: number; index: number }) =>
      values(unet.forward(x, t, undefined, dropout ? { dropout } : {}))
    const first = run({ seed: 1, index: 4 })
    expect(run({ seed: 1, index: 4 })).toEqual(first)
    expect(run({ seed: 1, index: 5 })).not.toEqual(first)
    expect(run({ seed: 2, index: 4 })).not.toEqual(first)
    expect(run()).toEqual(run())
    expect(run()).not.toEqual(first)
    unet.dispose()
  })

  test('shows every block to an observer', () => {
    const unet = createUNet(config, { seed: 1 })
    const seen: string[] = []
    unet.forward(images(1), tf.tensor1d([1]), undefined, { observe: (name) => void seen.push(name) })
    expect(seen).toEqual([
      ...[0, 1, 2, 3].map((i) => `input_blocks.${i}`),
      'middle_block',
      ...[0, 1, 2, 3].map((i) => `output_blocks.${i}`),
    ])
    unet.dispose()
  })

  test('has the same gradient of x with its own weights as with the same weights given', () => {
    for (const resampling of ['res-block', 'conv', 'pool'] as const) {
      const own = { ...config, resampling }
      const unet = createUNet(own, busyWeights(own))
      const [x, t] = [images(1), tf.tensor1d([10])]
      const gradient = (parameters?: typeof unet.parameters) =>
        values(
          tf.grad((input) =>
            tf.sum(
              tf.square(unet.forward(input as tf.Tensor4D, t, undefined, parameters ? { parameters } : {})),
            ),
          )(x),
        )
      const [frozen, whole] = [gradient(), gradient({ ...unet.parameters })]
      expect(Math.max(...whole.map(Math.abs))).toBeGreaterThan(0.01)
      for (const [i, value] of whole.entries()) expect(frozen[i]).toBeCloseTo(value, 5)
      unet.dispose()
    }
  })

  test('has gradients of all weights that finite differences confirm', () => {
    for (const conditioning of ['scale-shift', 'add'] as const) {
      // two channels a group: alone, a channel's norm would undo what the embedding adds
      const own = { ...config, channels: 64, conditioning, resampling: 'conv' } as const
      const unet = createUNet(own, busyWeights(own))
      const [x, t] = [images(1), tf.tensor1d([10])]
      const names = unet.specs.map((spec) => spec.name)
      const weights = names.map((name) => unet.parameters[name] as tf.Tensor)
      const loss = (...given: tf.Tensor[]) => {
        const parameters = Object.fromEntries(names.map((name, i) => [name, given[i] as tf.Tensor]))
        const labels = tf.tensor1d([1], 'int32')
        return tf.sum(tf.sin(unet.forward(x, t, labels, { parameters }))) as tf.Scalar
      }
      const gradients = tf.grads(loss)(weights)
      // one direction a kind of layer, so that none hides behind another
      for (const kind of ['emb', 'in_layers', 'out_layers', 'qkv', 'proj_out', 'op', 'conv', 'out.']) {
        const chosen = names.map((name) => name.includes(kind))
        expect(chosen).toContain(true)
        const norm = Math.sqrt(
          gradients.reduce(
            (sum, g, i) => sum + (chosen[i] ? (tf.sum(tf.square(g)).dataSync()[0] as number) : 0),
            0,
          ),
        )
        const step = 3e-4
        const moved = (sign: number) =>
          weights.map((w, i) =>
            chosen[i] ? tf.add(w, tf.mul(gradients[i] as tf.Tensor, (sign * step) / norm)) : w,
          )
        const slope =
          ((loss(...moved(1)).dataSync()[0] as number) - (loss(...moved(-1)).dataSync()[0] as number)) /
          (2 * step)
        expect(norm, kind).toBeGreaterThan(1)
        expect(Math.abs(slope / norm - 1), kind).toBeLessThan(2e-3)
      }
      unet.dispose()
    }
  })

  test('leaves nothing behind but its result, and nothing at all after dispose', () => {
    const before = tf.memory().numTensors
    const unet = createUNet(config, { seed: 1 })
    const [x, t] = [images(2), tf.tensor1d([3, 500])]
    const ready = tf.memory().numTensors
    expect(ready).toBe(before + unet.specs.length + 2)
    const output = unet.forward(x, t, undefined, { dropout: { seed: 1, index: 1 } })
    expect(tf.memory().numTensors).toBe(ready + 1)
    const gradient = tf.grad((input) => tf.sum(unet.forward(input as tf.Tensor4D, t)))(x)
    expect(tf.memory().numTensors).toBe(ready + 2)
    tf.dispose([x, t, output, gradient])
    unet.dispose()
    unet.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })
})

describe('the super-resolution UNet', () => {
  test('sees the low-resolution images, and binds them for a sampler', () => {
    const { classes: _, nullClass: __, ...unconditional } = config
    const network = createSuperResolutionUNet(unconditional, busyWeights(unconditional, 'super-resolution'))
    const [x, t, low] = [images(2), tf.tensor1d([3, 500]), images(2, 1, 2)]
    const inputs = tf.memory().numTensors
    const direct = network.forward(x, t, undefined, low)
    expect(tf.memory().numTensors).toBe(inputs + 1)
    expect(values(network.upscaling(low).forward(x, t))).toEqual(values(direct))
    expect(values(network.forward(x, t, undefined, tf.neg(low)))).not.toEqual(values(direct))
    expect(() => network.forward(x, t, undefined, images(1, 1, 2))).toThrowErrorMatchingInlineSnapshot(
      `[ModelInputError: lowResolution is of shape [1, 2, 2, 1], expected [2, h, w, 1].]`,
    )
    const held = tf.memory().numTensors
    network.dispose()
    expect(tf.memory().numTensors).toBe(held - network.specs.length)
  })
})

describe('the encoder', () => {
  test.each(['adaptive', 'attention', 'spatial', 'spatial-v2'] as const)(
    '%s leaves nothing behind',
    (pool) => {
      const before = tf.memory().numTensors
      const { classes: _, nullClass: __, ...trunk } = config
      const encoder = createEncoderUNet({ ...trunk, outChannels: 5, pool }, { seed: 1 })
      const [x, t] = [images(2), tf.tensor1d([3, 500])]
      const ready = tf.memory().numTensors
      const logits = encoder.forward(x, t)
      expect(logits.shape).toEqual([2, 5])
      expect(tf.memory().numTensors).toBe(ready + 1)
      tf.dispose([x, t, logits])
      encoder.dispose()
      expect(tf.memory().numTensors).toBe(before)
    },
  )
})

describe('inputs that do not fit are refused:', () => {
  test('images, timesteps, labels', () => {
    const { nullClass: _, ...conditional } = config
    const { classes: __, ...unconditional } = conditional
    const unet = createUNet(conditional, { seed: 1 })
    const free = createUNet(unconditional, { seed: 1 })
    const t = tf.tensor1d([1])
    const one = tf.tensor1d([1], 'int32')
    expect(() => unet.forward(images(1, 3), t, one)).toThrowErrorMatchingInlineSnapshot(
      `[ModelInputError: x is of shape [1, 4, 4, 3], expected [B, 4, 4, 1].]`,
    )
    expect(() => unet.forward(images(1, 1, 8), t, one)).toThrowErrorMatchingInlineSnapshot(
      `[ModelInputError: x is of shape [1, 8, 8, 1], expected [B, 4, 4, 1].]`,
    )
    expect(() => unet.forward(images(2), t, one)).toThrowErrorMatchingInlineSnapshot(
      `[ModelInputError: t is of shape [1], expected [2], one timestep an image.]`,
    )
    expect(() => unet.forward(images(1), t)).toThrowErrorMatchingInlineSnapshot(
      `[ModelInputError: labels is absent, expected one of 3 classes an image.]`,
    )
    expect(() => unet.forward(images(1), t, tf.tensor1d([1, 2], 'int32'))).toThrowErrorMatchingInlineSnapshot(
      `[ModelInputError: labels is of shape [2], expected [1], one class an image.]`,
    )
    expect(() => free.forward(images(1), t, one)).toThrowErrorMatchingInlineSnapshot(
      `[ModelInputError: labels is given, expected nothing, since this network knows no classes.]`,
    )
    unet.dispose()
    free.dispose()
  })
})
