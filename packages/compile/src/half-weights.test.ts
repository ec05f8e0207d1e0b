import { float16ToFloat32, float32ToFloat16 } from '@guided-diffusion/checkpoints'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, expect, test } from 'vitest'
import '@tensorflow/tfjs-backend-cpu'
import { halfWeights } from './half-weights.ts'
import { onnxRuntimeNode } from './node.ts'
import { trace } from './trace.ts'

beforeAll(() => tf.setBackend('cpu'))

test('numbers that float16 does not hold are an error that names the weight', () => {
  const halved = (...numbers: number[]) => {
    const weight = tf.tensor1d([...numbers, ...new Array<number>(256).fill(0)])
    const graph = trace(
      (inputs) => ({ y: tf.mul(inputs.x as tf.Tensor, weight) }),
      { x: weight },
      { weights: { weight } },
    )
    return halfWeights(graph).initializers[0]?.read() as Uint16Array
  }
  expect(() => halved(1, 65520)).toThrowErrorMatchingInlineSnapshot(
    `[WeightRangeError: weight has the number 65520, float16 ends at ±65504.]`,
  )
  expect(() => halved(Number.NaN)).toThrow('weight has the number NaN')
  expect([...halved(65519, -65519).slice(0, 2)]).toEqual([0x7bff, 0xfbff])
})

test('a graph of half weights computes with the rounded weights', async () => {
  const weight = tf.randomNormal<tf.Rank.R2>([32, 16], 0, 1, 'float32', 1)
  const bias = tf.randomNormal<tf.Rank.R1>([16], 0, 1, 'float32', 2)
  const x = tf.randomNormal<tf.Rank.R2>([3, 32], 0, 1, 'float32', 3)
  const graph = trace(
    (inputs) => ({ y: tf.add(tf.matMul(inputs.x as tf.Tensor2D, weight), bias) }),
    { x },
    { weights: { weight, bias } },
  )
  const halved = halfWeights(graph)
  expect(halved.initializers.map(({ value }) => [value.name, value.type])).toEqual([
    ['weight', 'float16'],
    ['bias', 'float32'],
  ])
  const session = await (await onnxRuntimeNode({ threads: 1 })).open(halved)
  const y = (await session.run(new Map([['x', x.dataSync() as Float32Array]]))).get('y') as Float32Array
  const rounded = tf.tensor2d(float16ToFloat32(float32ToFloat16(weight.dataSync() as Float32Array)), [32, 16])
  const expected = tf.add(tf.matMul(x, rounded), bias).dataSync()
  expect(Math.max(...y.map((value, i) => Math.abs(value - (expected[i] as number))))).toBeLessThan(1e-5)
  await session.dispose()
})
