import * as tf from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import '@tensorflow/tfjs-backend-cpu'
import { halfWeights, toHalf } from './half-weights.ts'
import { onnxRuntimeNode } from './node.ts'
import { trace } from './trace.ts'

beforeAll(() => tf.setBackend('cpu'))

/** (−1)^s 2^(e−15) 1.m, and m 2⁻²⁴ where e = 0. */
function decoded(bits: number): number {
  const [sign, exponent, mantissa] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023]
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : 2 ** (exponent - 15) * (1 + mantissa / 1024))
}

test('every float16 is itself', () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((bits) => ((bits >> 10) & 31) < 31)
  expect(toHalf(Float32Array.from(all, decoded), 'w')).toEqual(all)
})

test('other numbers become the nearest one, ties the even one', () => {
  const number = fc.double({ min: -65519, max: 65519, noNaN: true }).map(Math.fround)
  fc.assert(
    fc.property(number, (x) => {
      const [bits] = toHalf(Float32Array.of(x), 'w') as unknown as [number]
      const error = Math.abs(decoded(bits) - x)
      for (const other of [bits - 1, bits + 1]) {
        if ((other & 0x7fff) >= 0x7c00 || other < 0) continue
        const distance = Math.abs(decoded(other) - x)
        expect(error).toBeLessThanOrEqual(distance)
        if (error === distance && (bits & 0x7fff) !== 0) expect(bits & 1).toBe(0)
      }
    }),
  )
})

test('numbers that float16 does not hold are an error that names the weight', () => {
  expect(() => toHalf(Float32Array.of(1, 65520), 'out.weight')).toThrowErrorMatchingInlineSnapshot(
    `[WeightRangeError: out.weight has the number 65520, float16 ends at ±65504.]`,
  )
  expect(() => toHalf(Float32Array.of(Number.NaN), 'w')).toThrow('w has the number NaN')
  expect([...toHalf(Float32Array.of(65519, -65519), 'w')]).toEqual([0x7bff, 0xfbff])
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
  const rounded = tf.tensor2d(
    Float32Array.from(toHalf(weight.dataSync() as Float32Array, 'w'), decoded),
    [32, 16],
  )
  const expected = tf.add(tf.matMul(x, rounded), bias).dataSync()
  expect(Math.max(...y.map((value, i) => Math.abs(value - (expected[i] as number))))).toBeLessThan(1e-5)
  await session.dispose()
})
