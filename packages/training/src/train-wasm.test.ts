import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { wasm } from '@guided-diffusion/backends/wasm'
import { createDiffusion } from '@guided-diffusion/diffusion'
import { createUNet } from '@guided-diffusion/models'
import { cosineSchedule } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { expect, test } from 'vitest'
import { adamw } from './adamw.ts'
import type { TrainingData } from './train.ts'
import { trainDenoiser } from './train-denoiser.ts'

const images: TrainingData = async function* ({ samples }) {
  for (let first = samples; ; first += 2) {
    const pixels = Float32Array.from({ length: 2 * 16 }, (_, i) => Math.sin(first * 16 + i))
    yield { images: pixels, labels: Int32Array.of(first % 3, 2), shape: [2, 4, 4, 1] }
  }
}

/** A UNet with every kind of layer, trained for three steps: its weights, its losses, and tensors after each step. */
async function trained(driver: ReturnType<typeof cpu>) {
  await startBackend([driver])
  const unet = createUNet(
    {
      size: 4,
      inChannels: 1,
      outChannels: 2,
      channels: 32,
      multipliers: [1, 2],
      blocks: 1,
      attention: [2],
      classes: 3,
      nullClass: true,
    },
    { seed: 1 },
  )
  const losses: number[] = []
  const tensors = new Set<number>()
  let weights = new Float32Array()
  for await (const step of trainDenoiser({
    diffusion: createDiffusion({
      schedule: cosineSchedule({ steps: 100 }),
      prediction: 'v',
      variance: 'learned-range',
    }),
    denoiser: unet,
    data: images,
    steps: 3,
    seed: 1,
    optimizer: adamw({ learningRate: 1e-3 }),
    clip: 1,
    ema: [0.9],
    labelDropout: 0.3,
  })) {
    losses.push(step.metrics?.loss as number)
    tensors.add(tf.memory().numTensors)
    weights = (await step.state.parameters.data<'float32'>()).slice()
  }
  unet.dispose()
  return { losses, weights, tensors: tensors.size }
}

test('training on WebAssembly gives the weights of the plain backend, and holds no more tensors each step', async () => {
  const plain = await trained(cpu())
  const fast = await trained(wasm())
  expect(tf.getBackend()).toBe('wasm')
  expect(fast.tensors).toBe(1)
  for (const [i, loss] of plain.losses.entries()) expect(fast.losses[i]).toBeCloseTo(loss, 4)
  // a weight whose gradient is next to nothing may step either way, by the learning rate at most
  const differences = plain.weights.map((weight, i) => Math.abs(weight - (fast.weights[i] as number)))
  const far = differences.filter((difference) => difference > 1e-4).length
  expect(far / differences.length).toBeLessThan(0.01)
  expect(plain.weights.length).toBeGreaterThan(100_000)
})
