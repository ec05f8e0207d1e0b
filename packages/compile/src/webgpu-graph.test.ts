import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import { compile } from './compile.ts'
import { onnxProviders, onnxRuntimeNode } from './node.ts'

const noSoftware = useSoftwareGpu()
const webgpu = (await onnxProviders()).find(({ name }) => name === 'webgpu')
const unavailable = webgpu?.available === false ? (noSoftware ?? webgpu.reason) : undefined

await startBackend([cpu()])

type Filters = readonly tf.Tensor4D[]

const noise = (shape: [number, number, number, number], seed: number) =>
  tf.randomNormal<tf.Rank.R4>(shape, 0, 1, 'float32', seed)
const convolve = (x: tf.Tensor, filter: tf.Tensor4D | undefined, strides = 1) =>
  tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, strides, 'same')

const graphs: Readonly<
  Record<string, { channels: number; out: number[]; fn: (x: tf.Tensor, f: Filters) => tf.Tensor }>
> = {
  'six channels': { channels: 6, out: [8], fn: (x, [f]) => convolve(x, f) },
  'nine channels, with a stride': { channels: 9, out: [4], fn: (x, [f]) => convolve(x, f, 2) },
  'the gradient of a convolution that makes 15 channels': {
    channels: 4,
    out: [15],
    fn: (x, [f]) => tf.grad((y) => tf.sum(tf.square(convolve(y, f))))(x),
  },
  'zeros around an image between convolutions': {
    channels: 4,
    out: [8, 8],
    fn: (x, [f, g]) =>
      convolve(
        tf.pad(convolve(x, f), [
          [0, 0],
          [1, 2],
          [0, 1],
          [0, 0],
        ]),
        g,
      ),
  },
  'images side by side in the channels': {
    channels: 3,
    out: [8],
    fn: (x, [f]) => convolve(tf.concat([x, tf.reverse(x, 1)], 3), f),
  },
}

describe.skipIf(unavailable)(
  unavailable ? `graphs on WebGPU: ${unavailable}` : 'graphs on WebGPU compute what they do on the processor',
  () => {
    test.each(Object.entries(graphs))('%s', async (name, { channels, out, fn }) => {
      const x = noise([2, 7, 8, channels], 1)
      const from = [name.startsWith('images') ? 2 * channels : channels, ...out]
      const filters = out.map((to, i) => noise([3, 3, from[i] as number, to], 2 + i))
      const results: Float32Array[] = []
      for (const provider of ['cpu', 'webgpu'] as const) {
        const compiled = await compile(
          ({ x }) => ({ y: fn(x as tf.Tensor, filters) }),
          { x },
          {
            runtime: await onnxRuntimeNode({ provider }),
            weights: Object.fromEntries(filters.map((filter, i) => [`filter${i}`, filter])),
          },
        )
        const { y } = await compiled.run({ x })
        results.push((await (y as tf.Tensor).data()) as Float32Array)
        tf.dispose(y)
        await compiled.dispose()
      }
      const [expected, actual] = results as [Float32Array, Float32Array]
      const largest = Math.max(...expected.map(Math.abs))
      const farthest = Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] as number))))
      expect(expected.length).toBe(actual.length)
      expect(farthest / largest).toBeLessThan(1e-5)
    })
  },
)
