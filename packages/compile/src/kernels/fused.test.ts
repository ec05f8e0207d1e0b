/** The fused operations of `@guided-diffusion/models`, traced, beside their definitions in plain operations. */
import { registerGradients, startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import fc from '@guided-diffusion/tooling/properties'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, expect, test } from 'vitest'
import { compile } from '../compile.ts'
import { onnxRuntimeNode } from '../node.ts'
import type { GraphRuntime } from '../session.ts'

let runtime: GraphRuntime

beforeAll(async () => {
  await startBackend([cpu()])
  await registerGradients()
  runtime = await onnxRuntimeNode({ threads: 1 })
})

type Tensors = Readonly<Record<string, tf.Tensor>>

const run = (name: string, inputs: Tensors, attributes: object) =>
  tf.engine().runKernel(name, inputs as tf.NamedTensorMap, attributes as tf.NamedAttrMap) as unknown

/** Expects that the traced function gives what the eager one does, within 10⁻⁵ of the largest number of each result. */
async function same(
  traced: (inputs: Tensors) => Tensors,
  eager: (inputs: Tensors) => Tensors,
  inputs: Tensors,
) {
  const compiled = await compile((given) => traced(given as Tensors) as tf.NamedTensorMap, inputs, {
    runtime,
  })
  try {
    const results = (await compiled.run(inputs)) as Tensors
    for (const [name, expected] of Object.entries(eager(inputs))) {
      const actual = results[name] as tf.Tensor
      expect(actual.shape, name).toEqual(expected.shape)
      const scale = Math.max(0.1, (await tf.max(tf.abs(expected)).data())[0] as number)
      const error = (await tf.max(tf.abs(tf.sub(actual, expected))).data())[0] as number
      expect(error / scale, name).toBeLessThan(1e-5)
    }
  } finally {
    await compiled.dispose()
  }
}

const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed)

/** The tensor, lying with its last axis before the ones in the middle. */
const channelsBefore = (x: tf.Tensor) => {
  const [first, ...middle] = x.shape.map((_, axis) => axis).slice(0, -1) as [number, ...number[]]
  const order = [first, x.rank - 1, ...middle]
  const back = x.shape.map((_, axis) => order.indexOf(axis))
  return tf.transpose(tf.mul(tf.transpose(x, order), 1.5), back)
}

const laid = (x: tf.Tensor | undefined, before: boolean) =>
  before ? channelsBefore(x as tf.Tensor) : (x as tf.Tensor)

const attentionCases = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  length: fc.integer({ min: 1, max: 9 }),
  heads: fc.integer({ min: 1, max: 3 }),
  width: fc.integer({ min: 1, max: 5 }),
  order: fc.constantFrom('legacy' as const, 'new' as const),
  before: fc.boolean(),
})

test('attention and its gradient', async () => {
  await fc.assert(
    fc.asyncProperty(attentionCases, async ({ batch, length, heads, width, order, before }) => {
      const definition = (x: tf.Tensor) => {
        const [axes, part] = order === 'legacy' ? [[heads, 3], 3] : [[3, heads], 2]
        const [q, k, v] = tf
          .split(tf.reshape(x, [batch, length, ...axes, width]), 3, part)
          .map((each) => tf.transpose(tf.reshape(each, [batch, length, heads, width]), [0, 2, 1, 3])) as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
        ]
        const weights = tf.softmax(tf.div(tf.matMul(q, k, false, true), Math.sqrt(width)))
        return tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), [batch, length, heads * width])
      }
      await same(
        (given) => {
          const [qkv, dy] = [laid(given.qkv, before), laid(given.dy, before)]
          return {
            y: run('GuidedAttention', { qkv }, { heads, order }) as tf.Tensor,
            dqkv: run('GuidedAttentionGrad', { dy, qkv }, { heads, order }) as tf.Tensor,
          }
        },
        (given) => {
          const [qkv, dy] = [laid(given.qkv, before), laid(given.dy, before)]
          return { y: definition(qkv), dqkv: tf.grad(definition)(qkv, dy) }
        },
        {
          qkv: normal([batch, length, 3 * heads * width], 1),
          dy: normal([batch, length, heads * width], 2),
        },
      )
    }),
    { numRuns: 40 },
  )
})

const normCases = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  height: fc.integer({ min: 2, max: 4 }),
  width: fc.integer({ min: 4, max: 5 }),
  groups: fc.integer({ min: 1, max: 3 }),
  perGroup: fc.integer({ min: 1, max: 3 }),
  activation: fc.constantFrom('silu' as const, 'linear' as const),
  before: fc.boolean(),
  mean: fc.constantFrom(0, 30),
})

test('GroupNorm and its gradients', async () => {
  await fc.assert(
    fc.asyncProperty(normCases, async (each) => {
      const { batch, height, width, groups, perGroup, activation, before, mean } = each
      const channels = groups * perGroup
      const shape = [batch, height, width, channels]
      const definition = (x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) => {
        const grouped = tf.reshape(x, [batch, height * width, groups, perGroup])
        const centred = tf.sub(grouped, tf.mean(grouped, [1, 3], true))
        const variance = tf.mean(tf.square(centred), [1, 3], true)
        const standard = tf.reshape(tf.div(centred, tf.sqrt(tf.add(variance, 1e-5))), shape)
        const perChannel = (row: tf.Tensor) => tf.reshape(row, [batch, 1, 1, channels])
        const u = tf.add(tf.mul(standard, perChannel(scale)), perChannel(shift))
        return activation === 'silu' ? tf.mul(u, tf.sigmoid(u)) : u
      }
      const parts = (given: Tensors) =>
        [tf.add(laid(given.x, before), mean), given.scale, given.shift, laid(given.dy, before)] as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
        ]
      await same(
        (given) => {
          const [x, scale, shift, dy] = parts(given)
          const attributes = { groups, epsilon: 1e-5, activation }
          const y = run('GuidedGroupNorm', { x, scale, shift }, attributes) as tf.Tensor
          const gradients = run('GuidedGroupNormGrad', { dy, x, scale, shift }, attributes) as tf.Tensor[]
          const [dx, dscale, dshift] = gradients as [tf.Tensor, tf.Tensor, tf.Tensor]
          return { y, dx, dscale, dshift }
        },
        (given) => {
          const [x, scale, shift, dy] = parts(given)
          const [dx, dscale, dshift] = tf.grads(definition)([x, scale, shift], dy) as [
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
          ]
          return { y: definition(x, scale, shift), dx, dscale, dshift }
        },
        {
          x: normal(shape, 1),
          scale: normal([batch, channels], 2),
          shift: normal([batch, channels], 3),
          dy: normal(shape, 4),
        },
      )
    }),
    { numRuns: 60 },
  )
})
