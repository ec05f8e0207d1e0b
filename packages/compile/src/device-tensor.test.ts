import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { compile } from './compile.ts'
import type { CompiledFunction, GraphRuntime } from './index.ts'
import { onnxProviders, onnxRuntimeNode } from './node.ts'

const noSoftware = useSoftwareGpu()
const webgpu = (await onnxProviders()).find(({ name }) => name === 'webgpu')
const unavailable = webgpu?.available === false ? (noSoftware ?? webgpu.reason) : undefined

const shape = [2, 3]
const doubled = ({ x }: Record<string, tf.Tensor>) => ({
  y: tf.mul(x as tf.Tensor, 2),
  sum: tf.sum(x as tf.Tensor),
})
const numbers = [0, 1, -2, 3, 0.5, 5]

describe.skipIf(unavailable)(
  unavailable ? `results on the device: ${unavailable}` : 'results on the device',
  () => {
    let runtime: GraphRuntime
    let compiled: CompiledFunction
    let y: tf.Tensor

    beforeAll(async () => {
      await startBackend([cpu()])
      runtime = await onnxRuntimeNode({ provider: 'webgpu' })
      compiled = await compile(doubled, { x: { shape, dtype: 'float32' } }, { runtime, hold: ['y'] })
    })
    afterAll(() => compiled.dispose())
    beforeEach(async () => {
      const x = tf.tensor(numbers, shape)
      const results = await compiled.run({ x })
      y = results.y as tf.Tensor
      expect(results.sum?.dataSync()).toEqual(new Float32Array([7.5]))
      tf.dispose([x, results.sum as tf.Tensor])
    })

    test('are refused where nothing waits for them, and are tensors once read', async () => {
      expect(() => tf.add(y, 1)).toThrow(expect.objectContaining({ name: 'DeviceTensorError' }))
      expect([...(await y.data())]).toEqual(numbers.map((n) => 2 * n))
      expect([...tf.add(y, 1).dataSync()]).toEqual(numbers.map((n) => 2 * n + 1))
    })

    test('go into a graph from where they are, as often as wanted', async () => {
      const { y: again, sum } = await compiled.run({ x: y })
      expect(sum?.dataSync()).toEqual(new Float32Array([15]))
      y.dispose()
      const { y: third } = await compiled.run({ x: again as tf.Tensor })
      expect([...(await (third as tf.Tensor).data())]).toEqual(numbers.map((n) => 8 * n))
      expect([...(await (again as tf.Tensor).data())]).toEqual(numbers.map((n) => 4 * n))
    })

    test('go into a graph of another runtime', async () => {
      const onCpu = await compile(doubled, { x: y }, { runtime: await onnxRuntimeNode(), hold: ['y'] })
      const { y: there } = await onCpu.run({ x: y })
      expect([...(there as tf.Tensor).dataSync()]).toEqual(numbers.map((n) => 4 * n))
      await onCpu.dispose()
    })

    test('outlive the tensor that they came as, in clones and other shapes of it', async () => {
      const [clone, turned] = [tf.clone(y), tf.reshape(y, [3, -1])]
      y.dispose()
      expect([...(await clone.data())]).toEqual(numbers.map((n) => 2 * n))
      clone.dispose()
      expect(turned.shape).toEqual([3, 2])
      expect([...tf.sum(tf.cast(turned, 'float32'), 0).dataSync()]).toEqual([-3, 18])
      turned.dispose()
    })

    test('are freed with their last tensor', async () => {
      const tensors = tf.memory().numTensors
      const { y: held, sum } = await compiled.run({ x: y })
      const { y: other, sum: otherSum } = await compiled.run({ x: held as tf.Tensor })
      tf.dispose([held, sum, other, otherSum] as tf.Tensor[])
      expect(tf.memory().numTensors).toBe(tensors)
      await expect(compiled.run({ x: held as tf.Tensor })).rejects.toThrow()
    })
  },
)
