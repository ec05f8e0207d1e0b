/** One pass of the embedded denoiser on each library: the same weights and inputs. */
import { compile } from '@guided-diffusion/compile'
import { completeConfig, loadUNet, openNetwork, planUNet, readTensors } from '@guided-diffusion/models'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import { normal } from '@guided-diffusion/random'
import { blockUntilReady, defaultDevice, init, jit, numpy as np } from '@jax-js/jax'
import * as tf from '@tensorflow/tfjs-core'
import { type EngineName, startEngine } from './engine.ts'
import { type JaxWeights, jaxUNet } from './jax-unet.ts'
import { type Timed, timed } from './timed.ts'

export interface Passed extends Timed {
  /** `[B, H, W, 2]`: the prediction and the range of the variance. */
  readonly output: number[]
}

const [height, width] = pretrained.shape
const timestep = 500
const pixels = (images: number) => normal({ seed: 1, stream: 0, index: 0 }, images * height * width)
const classes = (images: number) => Int32Array.from({ length: images }, (_, i) => i % 10)

export async function passOn(engine: EngineName, images: number): Promise<Passed> {
  const { runtime } = await startEngine(engine)
  const unet = await loadUNet(pretrained.denoiser)
  const inputs = {
    x: tf.tensor4d(pixels(images), [images, height, width, 1]),
    t: tf.fill([images], timestep) as tf.Tensor1D,
    labels: tf.tensor1d(classes(images), 'int32'),
  }
  const forward = ({ x, t, labels }: typeof inputs) => ({ output: unet.forward(x, t, labels) })
  const compiled =
    runtime &&
    (await compile((given) => forward(given as typeof inputs), inputs, { runtime, weights: unet.parameters }))
  let output: Float32Array = new Float32Array()
  const times = await timed(async () => {
    const result = compiled ? await compiled.run(inputs) : forward(inputs)
    output = await (result.output as tf.Tensor).data<'float32'>()
    tf.dispose(result)
  })
  await compiled?.dispose()
  return { ...times, output: [...output] }
}

export async function passOnJax(device: 'wasm' | 'webgpu', images: number): Promise<Passed> {
  await init(device)
  defaultDevice(device)
  const { plan, weights } = await jaxWeights()
  const forward = jit(jaxUNet(plan))
  const x = np.array(pixels(images), { shape: [images, 1, height, width] })
  const t = np.array(new Float32Array(images).fill(timestep))
  const labels = np.array(classes(images))
  await blockUntilReady([weights, x, t, labels])
  let output: Float32Array = new Float32Array()
  const times = await timed(async () => {
    // arguments are given away unless a reference is taken
    const lent = Object.fromEntries(Object.entries(weights).map(([name, { ref }]) => [name, ref]))
    output = (await forward(lent, x.ref, t.ref, labels.ref).data()) as Float32Array
  })
  return { ...times, output: channelsLast(output, images) }
}

async function jaxWeights() {
  const { reader, description } = await openNetwork(pretrained.denoiser)
  try {
    if (description?.kind !== 'unet') throw new Error('the embedded denoiser is no UNet')
    const plan = planUNet(completeConfig(description.config))
    const tensors = await readTensors(reader, plan.parameters)
    const arrays = [...tensors].map(([name, { shape, data }]) => [
      name,
      np.array(data, { shape: [...shape] }),
    ])
    return { plan, weights: Object.fromEntries(arrays) as JaxWeights }
  } finally {
    await reader.close()
  }
}

/** `[B, C, H, W]` → `[B, H, W, C]`. */
function channelsLast(values: Float32Array, images: number): number[] {
  const area = height * width
  const channels = values.length / images / area
  return Array.from(values, (_, i) => {
    const [channel, pixel] = [i % channels, Math.floor(i / channels)]
    const [image, place] = [Math.floor(pixel / area), pixel % area]
    return values[(image * channels + channel) * area + place] as number
  })
}
