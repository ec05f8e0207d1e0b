import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { completeConfig, createUNet, planUNet } from '@guided-diffusion/models'
import { normal } from '@guided-diffusion/random'
import { defaultDevice, init, jit, numpy as np } from '@jax-js/jax'
import * as tf from '@tensorflow/tfjs-core'
import { expect, test } from 'vitest'
import { jaxUNet } from './page/jax-unet.ts'

const noise = (index: number, size: number) => normal({ seed: 1, stream: 0, index }, size)

test('the UNet in jax-js is ours', async () => {
  await startBackend([cpu()])
  const config = {
    size: 8,
    inChannels: 1,
    outChannels: 2,
    channels: 32,
    multipliers: [1, 2],
    blocks: 1,
    attention: [4],
    headChannels: 32,
    classes: 3,
  }
  const plan = planUNet(completeConfig(config))
  // noise everywhere: fresh networks end in zeros
  const tensors = plan.parameters.map(({ name, shape, fanIn }, index) => {
    const size = shape.reduce((product, length) => product * length, 1)
    return { name, shape, data: noise(index, size).map((value) => value / Math.sqrt(fanIn)) }
  })
  const unet = createUNet(config, new Map(tensors.map((tensor) => [tensor.name, tensor])))
  const pixels = noise(1000, 128)
  const x = tf.tensor4d(pixels, [2, 8, 8, 1])
  const output = unet.forward(x, tf.tensor1d([3, 710]), tf.tensor1d([2, 0], 'int32'))
  const expected = await tf.transpose(output, [0, 3, 1, 2]).data()

  await init('wasm')
  defaultDevice('wasm')
  const forward = jit(jaxUNet(plan))
  const theirs = forward(
    Object.fromEntries(tensors.map(({ name, shape, data }) => [name, np.array(data, { shape: [...shape] })])),
    np.array(pixels, { shape: [2, 1, 8, 8] }),
    np.array(Float32Array.of(3, 710)),
    np.array(Int32Array.of(2, 0)),
  )
  const actual = await theirs.data()
  const largest = Math.max(...expected.map(Math.abs))
  const farthest = Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] as number))))
  expect(largest).toBeGreaterThan(0.1)
  expect(farthest / largest).toBeLessThan(1e-4)
})
