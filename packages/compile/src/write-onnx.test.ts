import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import '@tensorflow/tfjs-backend-cpu'
import { GraphBuilder } from './graph.ts'
import { trace } from './trace.ts'
import { writeOnnx } from './write-onnx.ts'

const folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-write-'))
afterAll(() => rm(folder, { recursive: true, force: true }))
beforeAll(() => tf.setBackend('cpu'))

function example() {
  const weight = tf.randomNormal<tf.Rank.R2>([32, 16], 0, 1, 'float32', 1)
  const x = tf.randomNormal<tf.Rank.R2>([3, 32], 0, 1, 'float32', 2)
  const graph = trace(
    (inputs) => ({ y: tf.matMul(inputs.x as tf.Tensor2D, weight) }),
    { x },
    { weights: { weight } },
  )
  return { graph, x, expected: tf.matMul(x, weight).dataSync() }
}

test.each(['inside', 'beside'] as const)('a file with its weights %s runs', async (weights) => {
  const { graph, x, expected } = example()
  const path = join(folder, `${weights}.onnx`)
  const seen: { loaded: number; total: number }[] = []
  const files = await writeOnnx(graph, path, {
    weights,
    metadata: { purpose: 'a test' },
    onProgress: (progress) => seen.push(progress),
  })
  expect(files).toEqual(weights === 'inside' ? [path] : [path, `${path}.data`])
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size))
  const bytes = sizes.reduce((a, b) => a + b)
  expect(seen.at(-1)).toEqual({ loaded: bytes, total: bytes })
  expect((await readFile(path)).includes('a test')).toBe(true)
  const session = await InferenceSession.create(path)
  const { y } = await session.run({ x: new Tensor('float32', x.dataSync() as Float32Array, [3, 32]) })
  const actual = (y as Tensor).data as Float32Array
  expect(Math.max(...actual.map((v, i) => Math.abs(v - (expected[i] as number))))).toBeLessThan(1e-5)
  await session.release()
})

test('what was stopped or fails leaves nothing', async () => {
  const { graph } = example()
  const place = join(folder, 'empty')
  await mkdir(place)
  const controller = new AbortController()
  controller.abort(new Error('enough'))
  const options = { weights: 'beside', signal: controller.signal } as const
  await expect(writeOnnx(graph, join(place, 'a.onnx'), options)).rejects.toThrow('enough')
  await expect(writeOnnx(graph, join(place, 'no folder', 'a.onnx'))).rejects.toThrow('ENOENT')
  expect(await readdir(place)).toEqual([])
})

test('weights beyond 2 GiB do not go into the file, and are not read to find out', async () => {
  const builder = new GraphBuilder()
  const x = builder.input('x', 'float32', [1])
  const read = () => {
    throw new Error('read')
  }
  const weight = builder.initializer('w', { type: 'float32', shape: [2 ** 29], label: 'w' }, read)
  const y = builder.node('Add', [x, weight], { shape: [2 ** 29] })
  const graph = builder.finish(new Map([['y', y]]))
  await expect(writeOnnx(graph, join(folder, 'large.onnx'), { weights: 'inside' })).rejects.toThrow(
    /^The model has 21474\d{5} bytes with its weights, an ONNX file ends at 2147483647\.$/,
  )
  await expect(writeOnnx(graph, join(folder, 'large.onnx'))).rejects.toThrow('read')
})
