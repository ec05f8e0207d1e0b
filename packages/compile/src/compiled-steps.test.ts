import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { createClassifier } from '@guided-diffusion/classifier'
import {
  createDiffusion,
  ddim,
  ddpm,
  type Guidance,
  generate,
  type SamplingOptions,
  sample,
} from '@guided-diffusion/diffusion'
import { classifierGuidance, during, gradientGuidance } from '@guided-diffusion/guidance'
import { createUNet } from '@guided-diffusion/models'
import { linearSchedule, respace } from '@guided-diffusion/schedules'
import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CompiledSteps, compiledSteps } from './compiled-steps.ts'
import { deviceArrayOf } from './device-tensor.ts'
import type { Graph, GraphRuntime } from './index.ts'
import { onnxProviders, onnxRuntimeNode } from './node.ts'

const noSoftware = useSoftwareGpu()
const webgpu = (await onnxProviders()).find(({ name }) => name === 'webgpu')
const noWebGpu = webgpu?.available === false ? `: ${noSoftware ?? webgpu.reason}` : ''

const opened: Graph[] = []
let runtime: GraphRuntime
let steps: CompiledSteps
let options: SamplingOptions
let classifier: ReturnType<typeof createClassifier>

/** Weights that are not zero where fresh ones are. */
function lively<S extends { name: string; shape: readonly number[] }>(specs: readonly S[]) {
  return new Map(
    specs.map(({ name, shape }, n) => {
      const size = shape.reduce((a, b) => a * b, 1)
      const spread = shape.length === 1 ? 0.1 : Math.sqrt(3 / (size / (shape[0] as number)))
      const one = shape.length === 1 && name.endsWith('.weight') ? 1 : 0
      return [
        name,
        { shape, data: Float32Array.from({ length: size }, (_, i) => one + spread * Math.sin(1.3 * i + n)) },
      ]
    }),
  )
}

beforeAll(async () => {
  await startBackend([cpu()])
  const real = await onnxRuntimeNode({ threads: 1 })
  runtime = {
    ...real,
    open: (graph) => {
      opened.push(graph)
      return real.open(graph)
    },
  }
  const trunk = {
    size: 4,
    inChannels: 1,
    channels: 32,
    multipliers: [1],
    blocks: 1,
    attention: [4],
    headChannels: 32,
  }
  const unetConfig = { ...trunk, outChannels: 2, classes: 3, nullClass: true }
  const fresh = createUNet(unetConfig, { seed: 1 })
  const unet = createUNet(unetConfig, lively(fresh.specs))
  const freshClassifier = createClassifier({ ...trunk, classes: 3 }, { seed: 1 })
  classifier = createClassifier({ ...trunk, classes: 3 }, lively(freshClassifier.specs))
  options = {
    // not the cosine schedule: guided DDIM divides by √ᾱ, 20,000 there at the first step, and so does rounding
    diffusion: createDiffusion({
      schedule: respace(linearSchedule({ steps: 100 }), '4'),
      prediction: 'v',
      variance: 'learned-range',
    }),
    denoiser: unet,
    guidance: classifierGuidance(classifier, { scale: 2 }),
    shape: [4, 4, 1],
    labels: [2, 0],
    seed: 3,
  }
  steps = compiledSteps({ runtime, weights: [unet.parameters, classifier.parameters], keep: 3 })
})
afterAll(() => steps.dispose())

async function images(changes: Partial<SamplingOptions> = {}): Promise<Float32Array> {
  const result = await generate({ ...options, ...changes })
  const values = (await result.data<'float32'>()).slice()
  result.dispose()
  return values
}

async function compared(changes: Partial<SamplingOptions>, execute = steps.execute) {
  const before = opened.length
  const [eager, compiled] = [await images(changes), await images({ ...changes, execute })]
  const largest = Math.max(...eager.map(Math.abs))
  expect(largest).toBeGreaterThan(0.1)
  const difference = Math.max(...eager.map((value, i) => Math.abs(value - (compiled[i] as number)))) / largest
  return { difference, graphs: opened.length - before }
}

describe('a run by compiled steps equals the eager run', () => {
  test('DDIM, guided: one graph for all steps, and none for a second run of the same shape', async () => {
    const { difference, graphs } = await compared({ sampler: ddim() })
    expect(difference).toBeLessThan(3e-5)
    expect(graphs).toBe(1)
    expect((await compared({ sampler: ddim(), seed: 4 })).graphs).toBe(0)
  })

  test('DDPM with noise', async () => {
    expect((await compared({ sampler: ddpm() })).difference).toBeLessThan(3e-5)
  })

  test('γ as a function of the step: still one graph', async () => {
    const scale = ({ index }: { index: number }) => 1 + index
    const { difference, graphs } = await compared({ guidance: classifierGuidance(classifier, { scale }) })
    expect(difference).toBeLessThan(3e-5)
    expect(graphs).toBe(1)
  })

  test('guidance in a part of the run: a graph with it and one without', async () => {
    const guidance = during({ from: 0.5 }, classifierGuidance(classifier, { scale: 3 }))
    const alone = compiledSteps({ runtime })
    const { difference, graphs } = await compared({ guidance }, alone.execute)
    expect(difference).toBeLessThan(3e-5)
    expect(graphs).toBe(2)
    await alone.dispose()
  })

  test('a gradient through the network, at the prediction of x_0', async () => {
    const guidance = gradientGuidance((x) => tf.mean(x, [1, 2, 3]), { scale: 20, at: 'x-start' })
    expect((await compared({ guidance })).difference).toBeLessThan(3e-5)
  })

  test('data that differ from run to run: one graph for all', async () => {
    let pattern = tf.zeros([2, 4, 4, 1]) as tf.Tensor4D
    const guidance: Guidance = ({ x }) => tf.mul(tf.sub(tf.reshape(pattern, [2, 4, 4, 1]), x), 0.3)
    const alone = compiledSteps({ runtime, data: () => ({ pattern }) })
    for (const [turn, value] of [0.5, -0.5].entries()) {
      pattern.dispose()
      pattern = tf.fill([2, 4, 4, 1], value)
      const { difference, graphs } = await compared({ guidance }, alone.execute)
      expect(difference).toBeLessThan(3e-5)
      expect(graphs).toBe(turn === 0 ? 1 : 0)
    }
    pattern.dispose()
    await alone.dispose()
  })

  test('leaves no tensors', async () => {
    await images({ execute: steps.execute })
    const before = tf.memory().numTensors
    await images({ execute: steps.execute })
    for await (const _ of sample({ ...options, execute: steps.execute })) break
    expect(tf.memory().numTensors).toBe(before)
  })

  test('says that a denoiser elsewhere cannot be traced', async () => {
    const denoiser = { forward: async (x: tf.Tensor4D) => tf.concat([x, x], 3) as tf.Tensor4D }
    await expect(images({ denoiser, execute: steps.execute })).rejects.toThrow('promise')
    expect(tf.getBackend()).toBe('cpu')
  })
})

describe.skipIf(noWebGpu)(`on WebGPU${noWebGpu}`, () => {
  test('x stays on the device from step to step, may be looked at, and is what the eager run has', async () => {
    const onDevice = compiledSteps({ runtime: await onnxRuntimeNode({ provider: 'webgpu' }) })
    const given: boolean[] = []
    const execute: CompiledSteps['execute'] = (step, inputs) => {
      given.push(deviceArrayOf(inputs.x as tf.Tensor) !== undefined)
      return onDevice.execute(step, inputs)
    }
    const run = { ...options, sampler: ddpm() }
    const before = tf.memory().numTensors
    const seen: number[] = []
    for await (const { index, x, xStart, gradient } of sample({ ...run, execute })) {
      if (index === 1) expect(() => tf.neg(x)).toThrow('device')
      if (index === 2)
        seen.push(...(await x.data()), ...(await xStart.data()), ...(await (gradient as tf.Tensor).data()))
      if (index === 2) break
    }
    expect(given).toEqual([false, true, true])
    expect(tf.memory().numTensors).toBe(before)
    const eager: number[] = []
    for await (const { index, x, xStart, gradient } of sample(run)) {
      if (index === 2)
        eager.push(...x.dataSync(), ...xStart.dataSync(), ...(gradient as tf.Tensor).dataSync())
    }
    expect(seen.length).toBe(eager.length)
    expect(Math.max(...seen.map((value, i) => Math.abs(value - (eager[i] as number))))).toBeLessThan(1e-4)
    await onDevice.dispose()
  })
})
