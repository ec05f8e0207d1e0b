import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import { cpu } from '../cpu.ts'
import { diagnose } from '../doctor.ts'
import { registerGradients } from '../gradients.ts'
import { largestError, numbersOn, scattered, scatteredTensor } from '../on-each-backend.fixture.ts'
import { startBackend } from '../start-backend.ts'
import { webgpu } from '../webgpu.ts'
import {
  type Convolution,
  convolutionsOn,
  convolve,
  gradients,
  outputShape,
  title,
} from './convolution.fixture.ts'

const noSoftware = useSoftwareGpu()
await registerGradients()
const [gpu, half] = await diagnose([webgpu(), webgpu({ precision: 'float16' })])
if (!gpu || !half) throw new Error('diagnose gives an answer for every driver')

/**
 * Each kind of tile, numbers read one and four at a time, sums in one part and in several. A new combination is a new
 * program, which takes a software card a second to compile: so shapes share them.
 */
const cases: Convolution[] = [
  { x: [1, 1, 1, 1], filter: [1, 1, 1, 1], strides: 1, pad: 'same' },
  { x: [3, 5, 7, 3], filter: [3, 3, 3, 2], strides: 1, pad: 'same' },
  { x: [2, 4, 4, 64], filter: [1, 1, 64, 64], strides: 1, pad: 'same' },
  { x: [2, 4, 4, 64], filter: [3, 3, 64, 64], strides: 1, pad: 'same' },
  { x: [5, 6, 5, 6], filter: [3, 3, 6, 70], strides: 1, pad: 'same' },
  { x: [2, 12, 9, 20], filter: [3, 3, 20, 36], strides: 1, pad: 'same' },
  { x: [1, 33, 31, 3], filter: [3, 3, 3, 132], strides: 1, pad: 'same' },
  { x: [1, 20, 15, 36], filter: [3, 3, 36, 3], strides: 1, pad: 'same' },
  { x: [1, 10, 11, 20], filter: [3, 3, 20, 36], strides: [2, 1], pad: 'valid' },
  { x: [3, 17, 16, 36], filter: [3, 3, 36, 36], strides: 2, pad: 'same' },
  { x: [1, 6, 7, 64], filter: [3, 3, 64, 64], strides: 2, pad: 'same' },
  { x: [1, 9, 9, 36], filter: [2, 2, 36, 20], strides: 3, pad: 'same' },
  { x: [2, 16, 12, 36], filter: [4, 4, 36, 20], strides: 2, pad: 'valid' },
  { x: [1, 12, 9, 5], filter: [5, 2, 5, 7], strides: 1, pad: 'valid' },
  {
    x: [1, 6, 7, 20],
    filter: [3, 3, 20, 36],
    strides: 1,
    pad: [
      [0, 0],
      [0, 2],
      [4, 1],
      [0, 0],
    ],
  },
]

/** Shapes without a pattern, the same in every run. */
const randomCases = Array.from({ length: 10 }, (_, i): Convolution => {
  const draws = scattered([6], 31 + i * 977)
  const upTo = (draw: number, most: number) => 1 + Math.floor(((draws[draw] as number) + 1) * 0.5 * most)
  const [channels, out] = [2 * upTo(3, 8) - 1, 2 * upTo(4, 45) - 1]
  return {
    x: [upTo(0, 3), 5 + upTo(1, 10), 5 + upTo(2, 10), channels],
    filter: [3, 3, channels, out],
    strides: 1,
    pad: 'same',
  }
})

const suite = gpu.available ? 'convolutions on WebGPU' : `WebGPU: ${noSoftware ?? gpu.reason}`
describe.skipIf(!gpu.available)(suite, () => {
  test.each([
    ...[...cases, ...randomCases].map((each) => ({ ...each, title: title(each) })),
    ...convolutionsOn('webgpu'),
  ])('$title', async (each) => {
    await startBackend([webgpu()])
    const shape = outputShape(each)
    const out = each.filter[3]
    const [y, dx, dFilter] = (await numbersOn('webgpu', () => {
      const x = scatteredTensor<tf.Rank.R4>(each.x, 1)
      const filter = scatteredTensor<tf.Rank.R4>(each.filter, 2)
      const dy = scatteredTensor(shape, 3)
      const bias = scatteredTensor<tf.Rank.R1>([out], 4)
      const { strides, pad } = each
      const plain = (image: tf.Tensor, weights: tf.Tensor) =>
        tf.conv2d(image as tf.Tensor4D, weights as tf.Tensor4D, strides, pad)
      const value = tf.fused.conv2d({ x, filter, bias, strides, pad })
      return [value, ...tf.grads(plain as (...args: tf.Tensor[]) => tf.Tensor)([x, filter], dy)]
    })) as [Float32Array, Float32Array, Float32Array]
    const numbers = { x: scattered(each.x, 1), filter: scattered(each.filter, 2), dy: scattered(shape, 3) }
    const bias = scattered([out], 4)
    const expected = gradients(each, numbers)
    const expectedY = convolve(each, numbers).map((sum, i) => sum + (bias[i % out] as number))
    // as many products as the sums have
    const [height, width, channels] = each.filter
    const within = (products: number) => 1e-6 * Math.sqrt(products)
    expect(largestError(y, expectedY), 'y').toBeLessThan(within(height * width * channels))
    expect(largestError(dx, expected.dx), 'dx').toBeLessThan(within(height * width * out))
    expect(largestError(dFilter, expected.dFilter), 'dFilter').toBeLessThan(
      within(shape[0] * shape[1] * shape[2]),
    )
  })

  test('a transposed convolution and what the stock kernels keep are right too', async () => {
    const compute = () => {
      const [x, filter] = [
        scatteredTensor<tf.Rank.R4>([1, 7, 8, 4], 1),
        scatteredTensor<tf.Rank.R4>([3, 3, 4, 8], 2),
      ]
      const bias = scatteredTensor<tf.Rank.R1>([8], 3)
      const common = { x, filter, bias, strides: 1, pad: 'same' } as const
      return [
        tf.fused.conv2d({ ...common, activation: 'relu' }),
        tf.fused.conv2d({ ...common, dilations: 2 }),
        tf.fused.conv2d({ ...common, bias: tf.scalar(0.5) }),
        tf.conv2dTranspose(scatteredTensor<tf.Rank.R4>([1, 3, 4, 8], 4), filter, [1, 6, 8, 4], 2, 'same'),
      ]
    }
    await startBackend([cpu()])
    await startBackend([webgpu()])
    const [actual, expected] = [await numbersOn('webgpu', compute), await numbersOn('cpu', compute)]
    for (const [i, numbers] of expected.entries()) {
      expect(largestError(actual[i] as Float32Array, numbers), `${i}`).toBeLessThan(1e-5)
    }
  })

  test('a NaN reaches the pixels around it and no others', async () => {
    await startBackend([webgpu()])
    const [y] = await numbersOn('webgpu', () => {
      const x = tf.tensor4d(
        Float32Array.from({ length: 64 }, (_, i) => (i === 27 ? Number.NaN : 1)),
        [1, 8, 8, 1],
      )
      return tf.conv2d(x, tf.ones<tf.Rank.R4>([3, 3, 1, 1]), 1, 'same')
    })
    const places = [...(y as Float32Array)].flatMap((value, i) => (Number.isNaN(value) ? [i] : []))
    expect(places).toEqual([18, 19, 20, 26, 27, 28, 34, 35, 36])
  })
})

const halfSuite = half.available ? 'float16' : `float16: ${half.reason}`
describe.skipIf(!half.available)(halfSuite, () => {
  test.each([...cases, ...randomCases].map((each) => ({ ...each, title: title(each) })))(
    'forward: $title',
    async (each) => {
      await startBackend([webgpu({ precision: 'float16' })])
      const [y] = (await numbersOn('webgpu', () => {
        const [x, filter] = [
          scatteredTensor<tf.Rank.R4>(each.x, 1),
          scatteredTensor<tf.Rank.R4>(each.filter, 2),
        ]
        return tf.conv2d(x, filter, each.strides, each.pad)
      })) as [Float32Array]
      const expected = convolve(each, { x: scattered(each.x, 1), filter: scattered(each.filter, 2) })
      const norm = (numbers: Float64Array) => Math.sqrt(numbers.reduce((sum, value) => sum + value ** 2, 0))
      const error = norm(expected.map((value, i) => value - (y[i] as number))) / norm(expected)
      expect(error).toBeLessThan(1e-3)
      // float32 would be nearer
      expect(error).toBeGreaterThan(1e-5)
    },
  )
})
