import '@tensorflow/tfjs-backend-cpu'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collect } from '@guided-diffusion/tooling/garbage'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WeightsMismatchError } from './errors.ts'
import { loadUNet } from './load.ts'
import { saveNetwork } from './network-file.ts'
import { createUNet } from './unet.ts'
import { readParameters } from './weights.ts'

const small = { size: 4, inChannels: 1, outChannels: 2, channels: 32, multipliers: [1], blocks: 1 }
const config = { size: 16, inChannels: 3, outChannels: 6, channels: 64, multipliers: [1, 2, 3], blocks: 2 }
let folder: string
beforeAll(async () => {
  await tf.setBackend('cpu')
  folder = await mkdtemp(join(tmpdir(), 'models-'))
  const unet = createUNet(config, { seed: 1 })
  const tensors = await readParameters(unet.specs, unet.parameters)
  unet.dispose()
  const description = { kind: 'unet', config } as const
  await saveNetwork(join(folder, 'float32'), { description, tensors })
  await saveNetwork(join(folder, 'float16'), { description, tensors }, { dtype: 'float16' })
})
afterAll(() => rm(folder, { recursive: true }))

test.each(['float32', 'float16'])(
  'of a %s file there is never a second copy beside the engine’s',
  async (name) => {
    const path = join(folder, name)
    const { size } = await stat(join(folder, 'float32'))
    expect(size).toBeGreaterThan(20e6)
    collect()
    const before = process.memoryUsage().arrayBuffers
    const taken = () => process.memoryUsage().arrayBuffers - before
    let most = 0
    const unet = await loadUNet(path, {
      onProgress: () => {
        // what is over the bound may be garbage
        if (taken() > 1.2 * size) collect()
        most = Math.max(most, taken())
      },
    })
    // this backend keeps the weights in arrays; a tensor or two are on their way
    expect(most / size).toBeGreaterThan(0.9)
    expect(most / size).toBeLessThan(1.3)
    unet.dispose()
  },
)

test('a load that is stopped on its way leaves no tensor behind', async () => {
  const count = tf.memory().numTensors
  const controller = new AbortController()
  let read = 0
  const loading = loadUNet(join(folder, 'float16'), {
    signal: controller.signal,
    onProgress: () => {
      if (++read === 10) controller.abort(new Error('enough'))
    },
  })
  await expect(loading).rejects.toThrow('enough')
  expect(tf.memory().numTensors).toBe(count)
})

test('parameters that are on the backend already are taken as they are, if they are those of the network', () => {
  const first = createUNet(small, { seed: 1 })
  const second = createUNet(small, { parameters: first.parameters })
  expect(second.parameters).toBe(first.parameters)
  const { 'out.2.bias': bias, ...rest } = first.parameters
  expect(() => createUNet(small, { parameters: rest })).toThrow(WeightsMismatchError)
  expect(() => createUNet(small, { parameters: { ...rest, 'out.2.bias': tf.zeros([5]) } })).toThrow(
    'out.2.bias is [5], expected [2]',
  )
  expect(bias?.isDisposed).toBe(false)
  first.dispose()
})
