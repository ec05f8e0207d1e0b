import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { float16ToFloat32, float32ToFloat16 } from '@guided-diffusion/checkpoints'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import '@tensorflow/tfjs-backend-cpu'
import type { Graph } from './graph.ts'
import { halfArithmetic } from './half-arithmetic.ts'
import { placeConstants } from './model-files.ts'
import { onnxRuntimeNode } from './node.ts'
import { originOf, transposedOrigin } from './origin.ts'
import { permute } from './permute.ts'
import { storedWeights } from './stored-weights.ts'
import { trace } from './trace.ts'

const folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-stored-'))
const path = join(folder, 'weights.bin')
afterAll(() => rm(folder, { recursive: true, force: true }))

const shapes = { conv: [4, 3, 3, 3], linear: [5, 4], sequence: [8, 4, 1], bias: [4] }
const numbers = (shape: readonly number[]) =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i + shape.length))

beforeAll(async () => {
  await tf.setBackend('cpu')
  await writeFile(
    path,
    Buffer.concat(Object.values(shapes).map((shape) => Buffer.from(numbers(shape).buffer))),
  )
})

const orders = { conv: [2, 3, 1, 0], linear: [1, 0], sequence: [1, 0], bias: [0] }
let end = 0
const wanted = Object.fromEntries(
  Object.entries(shapes).map(([name, shape]) => {
    const offset = end
    end += numbers(shape).byteLength
    return [name, { offset, shape, order: orders[name as keyof typeof orders] }]
  }),
)

test('a stored tensor has the numbers of the file, in the order that was asked for, and computes like any other', async () => {
  const { conv, linear, sequence, bias } = storedWeights(path, wanted)
  expect([conv?.shape, linear?.shape, sequence?.shape, bias?.shape]).toEqual([
    [3, 3, 3, 4],
    [4, 5],
    [4, 8],
    [4],
  ])
  const turned = tf.transpose(tf.tensor2d(numbers([5, 4]), [5, 4]))
  expect(await linear?.data()).toEqual(turned.dataSync())
  const sum = tf.add(tf.matMul(linear as tf.Tensor2D, linear as tf.Tensor2D, true), 0)
  expect(sum.dataSync()).toEqual(tf.matMul(turned, turned, true).dataSync())
  expect(await bias?.data()).toEqual(numbers([4]))
})

test('a graph knows which weights lie as their file has them', async () => {
  const weights = storedWeights(path, wanted) as Record<'conv' | 'linear' | 'sequence' | 'bias', tf.Tensor>
  const graph = trace(
    ({ x }) => {
      const image = tf.add(tf.conv2d(x as tf.Tensor4D, weights.conv as tf.Tensor4D, 1, 'same'), weights.bias)
      const rows = tf.reshape(image, [4, 4]) as tf.Tensor2D
      const wide = tf.matMul(tf.reshape(image, [4, 4]) as tf.Tensor2D, weights.sequence as tf.Tensor2D)
      return { narrow: tf.matMul(rows, weights.linear as tf.Tensor2D), wide }
    },
    { x: { shape: [1, 2, 2, 3], dtype: 'float32' } },
    { weights },
  )
  const order = new Map(
    graph.initializers.flatMap(({ label, origin }) => (label ? [[label, origin?.order]] : [])),
  )
  expect(order.get('conv')).toEqual([0, 1, 2, 3])
  expect(order.get('bias')).toEqual([0])
  for (const { label, origin, value, read } of graph.initializers) {
    if (!label || !origin) continue
    expect(origin.array.place?.path).toBe(path)
    const direct = permute(origin.array.read(), origin.shape, origin.order)
    expect([value.name, [...read()]]).toEqual([value.name, [...direct]])
  }
})

test('the origin of transposed numbers follows axes that were merged and split', () => {
  const array = { read: () => Float32Array.from({ length: 24 }, (_, i) => i) }
  const start = originOf(array, [2, 3, 1, 4])
  // seen as [6, 4], turned to [4, 6], seen as [4, 2, 3], turned to [3, 4, 2]
  const first = transposedOrigin(start, [6, 4], [1, 0])
  const second = first && transposedOrigin(first, [4, 2, 3], [2, 0, 1])
  const direct = permute(permute(array.read(), [6, 4], [1, 0]), [4, 2, 3], [2, 0, 1])
  expect(second && permute(array.read(), second.shape, second.order)).toEqual(direct)
  // [4, 6] cut as [8, 3] crosses the border
  expect(first && transposedOrigin(first, [3, 8], [1, 0])).toBeUndefined()
})

test('a file that ends before a weight is named when the weight is read', async () => {
  const { bias } = storedWeights(path, wanted)
  await truncate(path, 100)
  expect(() => bias?.dataSync()).toThrow(`${path} is shorter than it was when it was opened.`)
})

test('float16 stays where it lies in a graph that computes in it, and becomes float32 in others', async () => {
  const shape = [32, 32, 3, 3]
  const halves = float32ToFloat16(numbers(shape))
  const file = join(folder, 'half.bin')
  await writeFile(file, Buffer.concat([Buffer.alloc(6), Buffer.from(halves.buffer)]))
  const { conv } = storedWeights(file, { conv: { offset: 6, dtype: 'float16', shape, order: [2, 3, 1, 0] } })
  const x = tf.randomNormal<tf.Rank.R4>([1, 8, 8, 32], 0, 1, 'float32', 1)
  const graph = trace(
    (inputs) => ({ y: tf.sigmoid(tf.conv2d(inputs.x as tf.Tensor4D, conv as tf.Tensor4D, 1, 'same')) }),
    { x },
    { weights: { conv: conv as tf.Tensor } },
  )
  const half = halfArithmetic(graph)
  const places = async (each: Graph) =>
    [...(await placeConstants(each, { path: join(folder, 'placed.bin') })).values()].map(
      (place) => place.path,
    )
  expect(await places(half)).toEqual([file])
  expect(await places(graph)).toEqual([join(folder, 'placed.bin')])
  const rounded = tf.tensor4d(float16ToFloat32(halves), shape as [number, number, number, number])
  const expected = tf
    .sigmoid(tf.conv2d(x, tf.transpose(rounded, [2, 3, 1, 0]) as tf.Tensor4D, 1, 'same'))
    .dataSync()
  for (const [each, tolerance] of [
    [graph, 1e-5],
    [half, 5e-3],
  ] as const) {
    const session = await (await onnxRuntimeNode({ threads: 1 })).open(each)
    const y = (await session.run(new Map([['x', x.dataSync() as Float32Array]]))).get('y') as Float32Array
    expect(Math.max(...y.map((value, i) => Math.abs(value - (expected[i] as number))))).toBeLessThan(
      tolerance,
    )
    await session.dispose()
  }
})
