/** The table of the README names operations that can be traced: each of them is, and computes what it does eagerly. */
import { readFile } from 'node:fs/promises'
import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import * as tf from '@tensorflow/tfjs-core'
import { expect, test } from 'vitest'
import { compile } from './compile.ts'
import { onnxRuntimeNode } from './node.ts'

await startBackend([cpu()])
const runtime = await onnxRuntimeNode({ threads: 1 })

type Call = (x: tf.Tensor4D) => tf.Tensor

const filter = tf.randomNormal<tf.Rank.R4>([3, 3, 2, 3], 0, 1, 'float32', 1)
const matrix = tf.randomNormal<tf.Rank.R2>([2, 5], 0, 1, 'float32', 2)
const positive = (x: tf.Tensor) => tf.add(tf.abs(x), 0.1)
const whole = (x: tf.Tensor) => tf.cast(tf.clipByValue(tf.round(x), 0, 2), 'int32')

const calls: Readonly<Record<string, Call>> = {
  all: (x) => tf.all(tf.greater(x, -9), [1]),
  any: (x) => tf.any(tf.greater(x, 1), [1]),
  argMax: (x) => tf.argMax(x, 2),
  argMin: (x) => tf.argMin(x, 2),
  avgPool: (x) => tf.avgPool(x, 2, 2, 'valid'),
  cast: (x) => tf.cast(tf.greater(x, 0), 'float32'),
  clipByValue: (x) => tf.clipByValue(x, -0.5, 0.5),
  clone: (x) => tf.clone(x),
  concat: (x) => tf.concat([x, tf.neg(x)], 3),
  conv2d: (x) => tf.conv2d(x, filter, 1, 'same'),
  conv2dTranspose: (x) => tf.conv2dTranspose(x, tf.transpose(filter, [0, 1, 3, 2]), [2, 8, 8, 3], 2, 'same'),
  cumsum: (x) => tf.cumsum(x, 1),
  erf: (x) => tf.erf(x),
  expandDims: (x) => tf.expandDims(x, 2),
  gather: (x) => tf.gather(x, tf.tensor1d([2, 0], 'int32'), 1),
  logSoftmax: (x) => tf.logSoftmax(x),
  matMul: (x) => tf.matMul(tf.reshape(x, [-1, 2]), matrix),
  max: (x) => tf.max(x, 1),
  maxPool: (x) => tf.maxPool(x, 2, 2, 'valid'),
  mean: (x) => tf.mean(x, [1, 2]),
  min: (x) => tf.min(x, 3),
  oneHot: (x) => tf.oneHot(whole(positive(x)), 3),
  pad: (x) =>
    tf.pad(x, [
      [0, 0],
      [1, 2],
      [0, 1],
      [0, 0],
    ]),
  prod: (x) => tf.prod(x, 1),
  relu: (x) => tf.relu(x),
  reshape: (x) => tf.reshape(x, [2, 4, 8]),
  resizeBilinear: (x) => tf.image.resizeBilinear(x, [8, 8], false, true),
  resizeNearestNeighbor: (x) => tf.image.resizeNearestNeighbor(x, [8, 8]),
  reverse: (x) => tf.reverse(x, 1),
  sigmoid: (x) => tf.sigmoid(x),
  slice: (x) => tf.slice(x, [0, 1, 0, 0], [2, 2, 4, 1]),
  softmax: (x) => tf.softmax(x),
  softplus: (x) => tf.softplus(x),
  split: (x) => tf.split(x, 2, 3)[1] as tf.Tensor,
  stack: (x) => tf.stack([x, tf.square(x)], 1),
  step: (x) => tf.step(x, 0.2),
  stridedSlice: (x) => tf.stridedSlice(x, [0, 0, 1, 0], [2, 4, 4, 2], [1, 2, 2, 1]),
  sum: (x) => tf.sum(x, [0, 3]),
  tanh: (x) => tf.tanh(x),
  tile: (x) => tf.tile(x, [1, 2, 1, 1]),
  transpose: (x) => tf.transpose(x, [0, 3, 1, 2]),
  where: (x) => tf.where(tf.greater(x, 0), x, tf.square(x)),
}

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
const table = readme.slice(readme.indexOf('| operations |'), readme.indexOf('## Layout'))
const named = table
  .split('\n')
  .slice(2)
  .flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/`([a-z]\w+)`/gi)].map(([, name]) => name as string),
  )

test('the table has names', () => expect(new Set(named).size).toBeGreaterThan(35))

test.each([...new Set(named)])('%s', async (name) => {
  const call = calls[name]
  if (!call) throw new Error(`The table names ${name}, and no case of this test does.`)
  const x = tf.randomNormal<tf.Rank.R4>([2, 4, 4, 2], 0, 1, 'float32', 7)
  const compiled = await compile((inputs) => ({ y: call(inputs.x as tf.Tensor4D) }), { x }, { runtime })
  const { y } = await compiled.run({ x })
  const expected = call(x)
  expect(y?.shape).toEqual(expected.shape)
  expect(y?.dtype).toBe(expected.dtype)
  const [actual, wanted] = [y?.dataSync() ?? [], expected.dataSync()]
  for (const [i, value] of wanted.entries()) expect(actual[i]).toBeCloseTo(value, 4)
  await compiled.dispose()
})
