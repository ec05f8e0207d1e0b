import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { loadClassifier } from '@guided-diffusion/classifier'
import { loadUNet } from '@guided-diffusion/models'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compile } from './compile.ts'
import { type Graph, type GraphNode, typeCodes } from './graph.ts'
import { halfArithmetic } from './half-arithmetic.ts'
import type { GraphRuntime } from './index.ts'
import { onnxProviders, onnxRuntimeNode } from './node.ts'
import { trace } from './trace.ts'

useSoftwareGpu()
const webgpu = (await onnxProviders()).find(({ name }) => name === 'webgpu')

const typesOf = ({ inputs, outputs }: GraphNode) => [...inputs, ...outputs].map(({ type }) => type)
const named = (graph: Graph, operator: string) => graph.nodes.filter((node) => node.operator === operator)

await startBackend([cpu()])

describe('which operations', () => {
  const filter = (from: number, to: number) =>
    tf.randomNormal<tf.Rank.R4>([3, 3, from, to], 0, 0.1, 'float32', to)
  const [first, middle, last] = [filter(3, 32), filter(32, 32), filter(32, 6)]
  const convolve = (x: tf.Tensor, by: tf.Tensor4D) => tf.conv2d(x as tf.Tensor4D, by, 1, 'same')
  const traced = (fn: (x: tf.Tensor) => Record<string, tf.Tensor>) =>
    trace(
      ({ x }) => fn(x as tf.Tensor),
      { x: { shape: [1, 16, 16, 3], dtype: 'float32' } },
      { weights: { first, middle, last } },
    )
  const typesIn = (graph: Graph, operator: string) =>
    named(graph, operator).map((node) => [...new Set(typesOf(node))].filter((type) => type !== 'int64'))

  const graph = halfArithmetic(
    traced((x) => {
      const h = convolve(x, first)
      const residual = tf.add(convolve(tf.sigmoid(h), middle), convolve(h, middle)) as tf.Tensor4D
      return { y: convolve(tf.mul(residual, tf.mean(residual)), last) }
    }),
  )

  test('convolutions and sums of them, not means, nor the last convolution', () => {
    expect(typesIn(graph, 'Conv')).toEqual([['float16'], ['float16'], ['float16'], ['float32']])
    expect(typesIn(graph, 'Add')).toEqual([['float16']])
    expect(typesIn(graph, 'ReduceMean')).toEqual([['float32']])
  })

  test('inputs and results stay float32, values are cast once, and each weight is there in what is used', () => {
    expect([...graph.inputs, ...graph.outputs].map(({ type }) => type)).toEqual(['float32', 'float32'])
    const casts = named(graph, 'Cast').map(({ inputs, attributes }) => `${inputs[0]?.name} ${attributes.to}`)
    expect(new Set(casts).size).toBe(casts.length)
    expect(casts.some((text) => text.endsWith(` ${typeCodes.float32}`))).toBe(true)
    const weights = graph.initializers.flatMap(({ label, value }) => (label ? [[label, value.type]] : []))
    expect(Object.fromEntries(weights)).toEqual({ first: 'float16', last: 'float32', middle: 'float16' })
    expect(weights).toHaveLength(3)
  })

  test('not squares, nor what meets numbers that float16 does not hold', () => {
    const masked = traced((x) => {
      const h = convolve(x, first)
      return {
        squared: tf.neg(tf.square(h)),
        masked: tf.neg(tf.add(h, -1e9)),
        halved: tf.neg(tf.mul(h, 0.5)),
      }
    })
    const half = halfArithmetic(masked)
    expect(typesIn(half, 'Conv')).toEqual([['float16']])
    expect(typesIn(half, 'Add')).toEqual([['float32']])
    expect(typesIn(half, 'Mul').toSorted()).toEqual([['float16'], ['float32']])
  })

  test('not gradients', () => {
    const half = halfArithmetic(
      traced((x) => ({
        y: tf.grad((x: tf.Tensor) => tf.sum(tf.square(convolve(tf.sigmoid(convolve(x, first)), middle))))(x),
      })),
    )
    expect(typesIn(half, 'Conv')).toEqual([['float16'], ['float16'], ['float32'], ['float32']])
    expect(typesIn(half, 'Mul').at(-1)).toEqual(['float32'])
  })
})

describe('the embedded networks', () => {
  const x = tf.randomNormal<tf.Rank.R4>([2, 28, 28, 1], 0, 1, 'float32', 5)
  const t = tf.tensor1d([700, 60])
  const runtimes: GraphRuntime[] = []
  beforeAll(async () => {
    for (const precision of ['float32', 'float16'] as const)
      runtimes.push(await onnxRuntimeNode({ precision }))
  })
  afterAll(() => tf.dispose([x, t]))

  async function relativeError(
    fn: (x: tf.Tensor4D, t: tf.Tensor1D) => tf.Tensor,
    weights: Record<string, tf.Tensor>,
  ) {
    const results: Float32Array[] = []
    for (const runtime of runtimes) {
      const traced = (given: Record<string, tf.Tensor>) => ({
        y: fn(given.x as tf.Tensor4D, given.t as tf.Tensor1D),
      })
      const compiled = await compile(traced, { x, t }, { runtime, weights })
      const { y } = await compiled.run({ x, t })
      results.push((await (y as tf.Tensor).data<'float32'>()).slice())
      y?.dispose()
      await compiled.dispose()
    }
    const [full, half] = results as [Float32Array, Float32Array]
    const norm = (values: Float32Array) => Math.hypot(...values)
    return norm(full.map((value, i) => value - (half[i] as number))) / norm(full)
  }

  test('the denoiser predicts the same to 3 digits', async () => {
    const unet = await loadUNet(pretrained.denoiser)
    const error = await relativeError(
      (x, t) => unet.forward(x, t, tf.tensor1d([10, 10], 'int32')),
      unet.parameters,
    )
    expect(error).toBeLessThan(2e-3)
    expect(error).toBeGreaterThan(1e-5)
    unet.dispose()
  })

  test('so is the gradient of the classifier', async () => {
    const classifier = await loadClassifier(pretrained.classifier)
    const gradient = (x: tf.Tensor4D, t: tf.Tensor1D) =>
      classifier.gradient(x, t, tf.tensor1d([3, 8], 'int32'))
    const error = await relativeError(gradient, classifier.parameters)
    expect(error).toBeLessThan(5e-3)
    expect(error).toBeGreaterThan(1e-5)
    classifier.dispose()
  })
})

test.skipIf(!webgpu?.available)('a card without float16 is told of before a graph is opened', async () => {
  const asked = onnxRuntimeNode({ provider: 'webgpu', precision: 'float16' })
  const answer = await asked.then(
    ({ description }) => description,
    (error: Error) => `${error.name}: ${error.message}`,
  )
  // whatever card this machine has: one that has float16 runs, one that has not is named by the runtime
  expect(answer).toMatch(
    /, webgpu, float16$|^RuntimeUnavailableError: .*does not compute in float16 \(.*f16 but the device does not support it/,
  )
})
