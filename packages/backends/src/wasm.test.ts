import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { cpu } from './cpu.ts'
import { held, largestError, numbersOn, scattered, scatteredTensor } from './on-each-backend.fixture.ts'
import { startBackend } from './start-backend.ts'
import { wasm } from './wasm.ts'

beforeAll(async () => {
  await startBackend([cpu()])
})

describe('starting', () => {
  test('tells what runs', async () => {
    const report = await startBackend([wasm(), cpu()])
    expect(tf.getBackend()).toBe('wasm')
    expect(report).toMatchInlineSnapshot(`
      {
        "backend": "wasm",
        "description": "WebAssembly with SIMD, one thread",
        "kernels": [
          "GuidedGroupNorm",
          "GuidedGroupNormGrad",
          "GuidedAttention",
          "GuidedAttentionGrad",
        ],
        "name": "wasm",
        "skipped": [],
        "trains": true,
      }
    `)
  })

  test('twice registers kernels once', async () => {
    await startBackend([wasm()])
    const before = tf.getKernel('BatchMatMul', 'wasm').kernelFunc
    await startBackend([wasm()])
    expect(tf.getKernel('BatchMatMul', 'wasm').kernelFunc).toBe(before)
  })

  test('started anew after it was removed, it still computes', async () => {
    await startBackend([wasm()])
    const { factory, priority } = tf.engine().registryFactory.wasm as { factory: never; priority: number }
    tf.removeBackend('wasm')
    tf.registerBackend('wasm', factory, priority)
    await startBackend([wasm()])
    const [product] = await numbersOn('wasm', () => tf.matMul(tf.ones([40, 50]), tf.ones([40, 60]), true))
    expect(product).toEqual(new Float32Array(50 * 60).fill(40))
  })
})

/** The parts of the networks that are built with this package: what training must differentiate. */
const weights = {
  first: [3, 3, 2, 8],
  strided: [3, 3, 8, 16],
  qkv: [16, 48],
  merged: [3, 3, 16, 8],
  last: [1, 1, 8, 1],
  bias: [8],
}

/** With a gradient of its own: that of the stock cpu backend is wrong for more than one image. */
const repeatPixels = tf.customGrad((x) => ({
  value: tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [8, 8]),
  gradFunc: (dy: tf.Tensor) => tf.mul(tf.avgPool(dy as tf.Tensor4D, 2, 2, 'valid'), 4),
})) as (x: tf.Tensor) => tf.Tensor4D

function loss(...parameters: tf.Tensor[]): tf.Scalar {
  const [first, strided, qkv, merged, last, bias] = parameters as [
    tf.Tensor4D,
    tf.Tensor4D,
    tf.Tensor2D,
    tf.Tensor4D,
    tf.Tensor4D,
    tf.Tensor1D,
  ]
  const x = scatteredTensor<tf.Rank.R4>([3, 8, 8, 2], 9)
  const silu = (h: tf.Tensor4D): tf.Tensor4D => tf.mul(h, tf.sigmoid(h))
  const inner = silu(tf.fused.conv2d({ x, filter: first, bias, strides: 1, pad: 'same' }))
  const edges: [number, number][] = [0, 1, 1, 0].map((width) => [width, width])
  const down = silu(tf.conv2d(tf.pad(inner, edges), strided, 2, 'valid'))
  const sequence = tf.reshape(tf.matMul(tf.reshape(down, [3 * 16, 16]), qkv), [3, 16, 48])
  const [q, k, v] = tf.split(sequence, 3, 2) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D]
  const mixed = tf.matMul(tf.softmax(tf.matMul(q, k, false, true)), v)
  const up = repeatPixels(tf.reshape(mixed, [3, 4, 4, 16]))
  const joined = tf.concat([tf.conv2d(up, merged, 1, 'same'), inner], 3)
  const [left, right] = tf.split(joined, 2, 3) as [tf.Tensor4D, tf.Tensor4D]
  return tf.mean(tf.square(tf.conv2d(tf.mul(left, right), last, 1, 'same')))
}

const gradients = () =>
  tf.grads(loss)(Object.values(weights).map((shape, i) => tf.tensor(scattered(shape, i + 1), shape)))

describe('training', () => {
  test('the gradient of a small network is that of the cpu', async () => {
    await startBackend([wasm()])
    const [actual, expected] = [await numbersOn('wasm', gradients), await numbersOn('cpu', gradients)]
    for (const [i, name] of Object.keys(weights).entries()) {
      const scale = Math.max(...(expected[i] as Float32Array).map(Math.abs))
      expect(scale, name).toBeGreaterThan(1e-4)
      const error = largestError(actual[i] as Float32Array, expected[i] as Float32Array)
      expect(error / scale, name).toBeLessThan(1e-4)
    }
  })

  test('gradients leave nothing behind, and the heap stops growing', async () => {
    await startBackend([wasm()])
    const { wasm: module } = tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }
    tf.dispose(tf.tidy(gradients))
    const [before, bytes] = [held(), module.HEAPU8.length]
    for (let i = 0; i < 50; i++) tf.dispose(tf.tidy(gradients))
    expect(held()).toEqual(before)
    expect(module.HEAPU8.length).toBe(bytes)
  })
})
