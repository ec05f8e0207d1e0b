/** One convolution on each library: ten images of 28×28, 3×3, 64 channels in and out. */
import { compile } from '@guided-diffusion/compile'
import { blockUntilReady, defaultDevice, init, jit, lax, numpy as np } from '@jax-js/jax'
import * as tf from '@tensorflow/tfjs-core'
import { type EngineName, startEngine } from './engine.ts'
import { type Timed, timed } from './timed.ts'

const [images, size, channels] = [10, 28, 64]

/** Floating-point operations of one. */
export const operations = 2 * images * size * size * channels * channels * 9

const numbers = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i))
const pixels = () => numbers(images * size * size * channels)
const weights = () => numbers(9 * channels * channels)

export async function convolutionOn(engine: EngineName): Promise<Timed> {
  const { runtime } = await startEngine(engine)
  const x = tf.tensor4d(pixels(), [images, size, size, channels])
  const filter = tf.tensor4d(weights(), [3, 3, channels, channels])
  // one number is read, so that reading costs nothing
  const fn = (image: tf.Tensor) => tf.sum(tf.conv2d(image as tf.Tensor4D, filter, 1, 'same'))
  if (!runtime) {
    return timed(async () => {
      const sum = tf.tidy(() => fn(x))
      await sum.data()
      sum.dispose()
    })
  }
  const compiled = await compile((inputs) => ({ sum: fn(inputs.x as tf.Tensor) }), { x }, { runtime })
  return timed(async () => {
    const { sum } = await compiled.run({ x })
    sum?.dispose()
  })
}

export async function convolutionOnJax(device: 'wasm' | 'webgpu'): Promise<Timed> {
  await init(device)
  defaultDevice(device)
  const x = np.array(pixels()).reshape([images, channels, size, size])
  const filter = np.array(weights()).reshape([channels, channels, 3, 3])
  const conv = jit((a: np.Array, b: np.Array) => np.sum(lax.conv(a, b, [1, 1], 'SAME')))
  await blockUntilReady([x, filter])
  return timed(async () => {
    // arguments are given away unless a reference is taken
    const sum = conv(x.ref, filter.ref)
    await sum.data()
  })
}
