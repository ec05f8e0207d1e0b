import { mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import '@tensorflow/tfjs-backend-cpu'
import type { Graph } from './graph.ts'
import { findEntry, makeEntry } from './graph-cache.ts'
import { type OnnxRuntimeNodeOptions, onnxProviders, onnxRuntimeNode, storedWeights } from './node.ts'
import { trace } from './trace.ts'

useSoftwareGpu()
const webgpu = (await onnxProviders()).find(({ name }) => name === 'webgpu')

const home = await mkdtemp(join(tmpdir(), 'guided-diffusion-cache-test-'))
afterAll(() => rm(home, { recursive: true, force: true }))
beforeAll(() => tf.setBackend('cpu'))
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(home, 'cache-'))
})

/** y = conv(x, w), w [3, 3, 2, 16] from memory. */
function graphOf(weight: tf.Tensor4D): Graph {
  const fn = ({ x }: Record<string, tf.Tensor>) => ({ y: tf.conv2d(x as tf.Tensor4D, weight, 1, 'same') })
  return trace(fn, { x: { shape: [1, 5, 5, 2], dtype: 'float32' } }, { weights: { weight } })
}

const filter = (seed: number) => tf.randomNormal<tf.Rank.R4>([3, 3, 2, 16], 0, 1, 'float32', seed)
const x = () => Float32Array.from({ length: 50 }, (_, i) => Math.sin(i))
const entries = async () => (await readdir(folder)).filter((name) => /^[0-9a-f]{64}$/.test(name))

async function results(graph: Graph, options: OnnxRuntimeNodeOptions = {}): Promise<Float32Array> {
  const session = await (await onnxRuntimeNode({ threads: 1, cache: { folder }, ...options })).open(graph)
  const y = (await session.run(new Map([['x', x()]]))).get('y') as Float32Array
  await session.dispose()
  return y.slice()
}

const expected = (weight: tf.Tensor4D) =>
  tf.conv2d(tf.tensor4d(x(), [1, 5, 5, 2]), weight, 1, 'same').dataSync()

function expectClose(actual: ArrayLike<number>, wanted: ArrayLike<number>): void {
  const errors = Array.from(actual, (value, i) => Math.abs(value - (wanted[i] as number)))
  expect(Math.max(...errors)).toBeLessThan(1e-4)
}

test('a graph opened from the cache computes the same, and is made once', async () => {
  const weight = filter(1)
  const first = await results(graphOf(weight))
  expectClose(first, expected(weight))
  const [entry, ...others] = await entries()
  expect(others).toEqual([])
  const made = (await stat(join(folder, entry as string, 'model.onnx'))).mtimeMs
  expect(await results(graphOf(weight))).toEqual(first)
  expect(await entries()).toEqual([entry])
  expect((await stat(join(folder, entry as string, 'model.onnx'))).mtimeMs).toBe(made)
})

test.skipIf(!webgpu?.available)('each provider has an entry of its own', async () => {
  const weight = filter(1)
  await results(graphOf(weight))
  for (let turn = 0; turn < 2; turn++) {
    expectClose(await results(graphOf(weight), { provider: 'webgpu' }), expected(weight))
    expect(await entries()).toHaveLength(2)
  }
})

test('other weights of the same name and shape are another entry', async () => {
  const [one, two] = [filter(1), filter(2)]
  await results(graphOf(one))
  expectClose(await results(graphOf(two)), expected(two))
  expect(await entries()).toHaveLength(2)
})

test('an entry that lost bytes, or whose model changed, is made again', async () => {
  const weight = filter(1)
  const first = await results(graphOf(weight))
  const [key] = await entries()
  const at = (name: string) => join(folder, key as string, name)
  await truncate(at('weights.bin'), (await stat(at('weights.bin'))).size - 4)
  expect(await results(graphOf(weight))).toEqual(first)
  const model = await readFile(at('model.onnx'))
  model[model.length >> 1] = (model[model.length >> 1] as number) ^ 1
  await writeFile(at('model.onnx'), model)
  expect(await results(graphOf(weight))).toEqual(first)
  await writeFile(at('entry.json'), '{')
  expect(await results(graphOf(weight))).toEqual(first)
  expect((await readdir(folder)).filter((name) => name.endsWith('.part'))).toEqual([])
})

test('opened at the same time, a graph is kept once and runs everywhere', async () => {
  const weight = filter(1)
  const all = await Promise.all(Array.from({ length: 4 }, () => results(graphOf(weight))))
  for (const each of all) expectClose(each, expected(weight))
  expect(await entries()).toHaveLength(1)
  expect((await readdir(folder)).filter((name) => name.endsWith('.part'))).toEqual([])
})

test('what was not used for longest goes when there is too much', async () => {
  const cache = { folder, maxBytes: 2500 }
  const fill = (key: string) =>
    makeEntry(cache, key, (place) => writeFile(join(place, 'model.onnx'), new Uint8Array(1000)))
  await fill('a')
  await fill('b')
  const old = new Date(Date.now() - 60_000)
  await utimes(join(folder, 'b', 'entry.json'), old, old)
  expect(await findEntry(cache, 'b')).toBe(join(folder, 'b'))
  await utimes(join(folder, 'a', 'entry.json'), old, old)
  await fill('c')
  expect(await Promise.all(['a', 'b', 'c'].map((key) => findEntry(cache, key)))).toEqual([
    undefined,
    join(folder, 'b'),
    join(folder, 'c'),
  ])
})

test('a cache that cannot be written is told of, and the graph runs', async () => {
  const file = join(folder, 'file')
  await writeFile(file, '')
  const weight = filter(1)
  const failures: unknown[] = []
  const cache = { folder: file, onFailure: (error: unknown) => failures.push(error) }
  expectClose(await results(graphOf(weight), { cache }), expected(weight))
  expect(failures).toHaveLength(1)
  await expect(results(graphOf(weight), { cache: { folder: file } })).rejects.toThrow('ENOTDIR')
})

test('weights that changed in their file are another entry, even under the old times of the file', async () => {
  const path = join(folder, 'weights.bin')
  const open = async (seed: number) => {
    const data = tf.randomNormal([16, 2, 3, 3], 0, 1, 'float32', seed)
    await writeFile(path, Buffer.from((data.dataSync() as Float32Array).slice().buffer))
    const old = new Date(Date.now() - 100_000)
    await utimes(path, old, old)
    const { w } = storedWeights(path, { w: { offset: 0, shape: [16, 2, 3, 3], order: [2, 3, 1, 0] } })
    const turned = tf.transpose(data, [2, 3, 1, 0]) as tf.Tensor4D
    expectClose(await results(graphOf(w as tf.Tensor4D)), expected(turned))
  }
  await open(1)
  await open(2)
  expect(await entries()).toHaveLength(2)
})
