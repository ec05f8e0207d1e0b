import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { createClassifier } from '@guided-diffusion/classifier'
import { createUNet } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { compile } from './compile.ts'
import { onnxRuntimeNode } from './node.ts'
import type { GraphRuntime } from './session.ts'
import { trace } from './trace.ts'

let runtime: GraphRuntime

beforeAll(async () => {
  await startBackend([cpu()])
  runtime = await onnxRuntimeNode({ threads: 1 })
})

const waves = (shape: readonly number[], phase = 0) =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1 + phase + 1.7 * i)),
    [...shape],
  )
const spec = (shape: number[], dtype: tf.DataType = 'float32') => ({ shape, dtype })

/** Every weight replaced by numbers that are not zero: fresh networks end in zeroed layers. */
function awake<T extends Readonly<Record<string, tf.Tensor>>>(parameters: T): T {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, tensor], i) => [
      name,
      tf.add(
        tf.mul(waves(tensor.shape, i), 0.3 / Math.sqrt(tensor.size / (tensor.shape.at(-1) ?? 1))),
        name.endsWith('.weight') && tensor.rank === 1 ? 1 : 0,
      ),
    ]),
  ) as T
}

const largest = async (tensor: tf.Tensor) => (await tf.max(tf.abs(tensor)).data())[0] as number

describe('whole networks', () => {
  test.each([
    ['scale-shift', 'res-block', 'legacy', 1],
    ['add', 'conv', 'new', 2],
    ['scale-shift', 'pool', 'new', 1],
    ['scale-shift', 'res-block', 'new', 2],
  ] as const)(
    'UNet: %s, %s, %s attention, batch %i',
    async (conditioning, resampling, attentionOrder, batch) => {
      const config = {
        size: 8,
        inChannels: 3,
        outChannels: 6,
        channels: 32,
        multipliers: [1, 2],
        blocks: 1,
        attention: [8, 4],
        headChannels: 16,
        classes: 5,
        conditioning,
        resampling,
        attentionOrder,
      }
      const unet = createUNet(config, { seed: 1 })
      const parameters = awake(unet.parameters)
      const run = ({ x, t, y }: Record<string, tf.Tensor>) => ({
        output: unet.forward(x as tf.Tensor4D, t as tf.Tensor1D, y as tf.Tensor1D, { parameters }),
      })
      const inputs = {
        x: waves([batch, 8, 8, 3]),
        t: tf.tensor1d([17, 901].slice(0, batch)),
        y: tf.tensor1d([3, 1].slice(0, batch), 'int32'),
      }
      const compiled = await compile(run, inputs, { runtime, weights: parameters })
      const { output } = await compiled.run(inputs)
      const expected = run(inputs).output
      expect(await largest(expected)).toBeGreaterThan(0.1)
      expect(await largest(tf.sub(output as tf.Tensor, expected))).toBeLessThan(2e-5)
      await compiled.dispose()
    },
  )

  test.each(['attention', 'adaptive', 'spatial', 'spatial-v2'] as const)(
    'gradient of a classifier: %s',
    async (pool) => {
      const trunk = {
        size: 8,
        inChannels: 3,
        channels: 32,
        multipliers: [1, 2],
        blocks: 1,
        attention: [4],
        headChannels: 32,
      }
      const fresh = createClassifier({ ...trunk, pool, classes: 4 }, { seed: 1 })
      const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>()
      for (const { name, shape } of fresh.specs) {
        const size = shape.reduce((a, b) => a * b, 1)
        const spread = shape.length === 1 ? 0.1 : Math.sqrt(3 / (size / (shape[0] as number)))
        const data = Float32Array.from(
          { length: size },
          (_, i) =>
            spread * Math.sin(i * 1.3 + name.length) +
            (shape.length === 1 && name.endsWith('weight') ? 1 : 0),
        )
        tensors.set(name, { shape, data })
      }
      const classifier = createClassifier({ ...trunk, pool, classes: 4 }, tensors)
      const run = ({ x, t, y }: Record<string, tf.Tensor>) => ({
        gradient: classifier.gradient(x as tf.Tensor4D, t as tf.Tensor1D, y as tf.Tensor1D),
      })
      const inputs = { x: waves([2, 8, 8, 3]), t: tf.tensor1d([40, 700]), y: tf.tensor1d([2, 0], 'int32') }
      const compiled = await compile(run, inputs, { runtime, weights: classifier.parameters })
      const { gradient } = await compiled.run(inputs)
      const expected = run(inputs).gradient
      const scale = await largest(expected)
      expect(scale).toBeGreaterThan(1e-6)
      expect((await largest(tf.sub(gradient as tf.Tensor, expected))) / scale).toBeLessThan(1e-4)
      await compiled.dispose()
    },
  )
})

describe('a graph', () => {
  test('names weights as the state dict does, once each, and leaves out what is not needed', () => {
    const unet = createUNet(
      { size: 8, inChannels: 1, outChannels: 1, channels: 32, multipliers: [1] },
      { seed: 1 },
    )
    const graph = trace(
      ({ x, t }) => {
        tf.exp(x as tf.Tensor)
        return { output: unet.forward(x as tf.Tensor4D, t as tf.Tensor1D) }
      },
      { x: spec([1, 8, 8, 1]), t: spec([1]) },
      { weights: unet.parameters },
    )
    const names = graph.initializers.map(({ value }) => value.name)
    const matrices = unet.specs.filter(({ shape }) => shape.length > 1)
    expect(matrices.length).toBeGreaterThan(5)
    for (const { name } of matrices) expect(names.filter((each) => each === name)).toHaveLength(1)
    expect(graph.nodes.filter(({ operator }) => operator === 'Exp')).toHaveLength(0)
    expect(graph.inputs.map(({ name, shape }) => [name, ...shape])).toEqual([
      ['x', 1, 8, 8, 1],
      ['t', 1],
    ])
  })

  test('moves data between layouts nowhere but at its ends', () => {
    const unet = createUNet(
      { size: 8, inChannels: 3, outChannels: 3, channels: 32, multipliers: [1, 2], attention: [4] },
      { seed: 1 },
    )
    const graph = trace(({ x, t }) => ({ output: unet.forward(x as tf.Tensor4D, t as tf.Tensor1D) }), {
      x: spec([2, 8, 8, 3]),
      t: spec([2]),
    })
    expect(graph.nodes.filter(({ operator }) => operator === 'Transpose')).toHaveLength(2)
  })

  test('computes at once what depends on no input', () => {
    const graph = trace(
      ({ x }) => ({ y: tf.add(x as tf.Tensor, tf.mul(tf.tensor1d([1, 2]), tf.scalar(3))) }),
      { x: spec([2]) },
    )
    expect(graph.nodes.map(({ operator }) => operator)).toEqual(['Add', 'Identity'])
    expect(graph.initializers.map(({ read }) => read())).toEqual([Float32Array.of(3, 6)])
  })

  test('leaves the backend and its tensors as they were', () => {
    const before = tf.memory().numTensors
    const weight = tf.ones([2, 2])
    const graph = trace(({ x }) => ({ y: tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D) }), {
      x: spec([2, 2]),
    })
    expect(graph.nodes.length).toBeGreaterThan(0)
    expect(tf.getBackend()).toBe('cpu')
    expect(tf.memory().numTensors).toBe(before + 1)
    expect([...weight.dataSync()]).toEqual([1, 1, 1, 1])
    weight.dispose()
  })
})

describe('what cannot be traced', () => {
  const refused = (fn: (x: tf.Tensor) => tf.Tensor) => {
    try {
      trace(({ x }) => ({ y: fn(x as tf.Tensor) }), { x: spec([2, 3]) })
    } catch (error) {
      expect(tf.getBackend()).toBe('cpu')
      return error as Error & { advice: string }
    }
    throw new Error('it was traced')
  }

  test('reading a value names what reads, and where', () => {
    const { message, name } = refused((x) => tf.mul(x, x.dataSync()[0] as number))
    expect(name).toBe('UntraceableOperationError')
    expect(message).toMatch(
      /^Reading a tensor .*, called at .*trace\.test\.ts:\d+:\d+ cannot be traced: its numbers/,
    )
  })

  test('an operation without a counterpart is named, with the place of its call', () => {
    const { message, advice } = refused((x) => tf.cumprod(x, 1))
    expect(message).toMatch(
      /^Cumprod, called at .*trace\.test\.ts:\d+:\d+ cannot be traced: it has no counterpart/,
    )
    expect(advice).toMatch(/traced operations/)
  })

  test('a result that is freed before it is returned', () => {
    const { message } = refused((x) => {
      const y = tf.exp(x)
      y.dispose()
      return y
    })
    expect(message).toBe('The result y of the traced function is disposed.')
  })

  test('a run with other shapes is refused', async () => {
    const compiled = await compile(
      ({ x }) => ({ y: tf.exp(x as tf.Tensor) }),
      { x: spec([2, 3]) },
      { runtime },
    )
    await expect(compiled.run({ x: tf.ones([2, 4]) })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[GraphInputError: Input x is float32 [2, 4], expected float32 [2, 3].]`,
    )
    await expect(compiled.run({})).rejects.toThrowErrorMatchingInlineSnapshot(
      `[GraphInputError: Input x is absent, expected float32 [2, 3].]`,
    )
    await compiled.dispose()
  })
})
