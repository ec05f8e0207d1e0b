import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { compile } from './compile.ts'
import { deviceTensor } from './device-tensor.ts'
import { HeldArray, type RuntimeTensor } from './held-array.ts'
import type { CompiledFunction, DeviceArray, GraphRuntime } from './index.ts'
import { onnxProviders, onnxRuntimeNode } from './node.ts'

const noSoftware = useSoftwareGpu()
const webgpu = (await onnxProviders()).find(({ name }) => name === 'webgpu')
const unavailable = webgpu?.available === false ? (noSoftware ?? webgpu.reason) : undefined

await startBackend([cpu()])

/** Numbers on a device that counts. */
function counted(values: number[]) {
  const calls = { reads: 0, disposals: 0 }
  let answer: (() => void) | undefined
  const array: DeviceArray = {
    read: async () => {
      calls.reads++
      await new Promise<void>((resolve) => {
        answer = resolve
      })
      return Float32Array.from(values)
    },
    dispose: () => void calls.disposals++,
  }
  return { array, calls, answer: () => answer?.() }
}

describe('a tensor of numbers on a device', () => {
  test('is freed once, with the last tensor that shares them', () => {
    const { array, calls } = counted([1, 2])
    const tensor = deviceTensor(array, [2], 'float32')
    const others = [tf.clone(tensor), tf.reshape(tensor, [2, 1]), tf.cast(tensor, 'float32')]
    tensor.dispose()
    others.pop()?.dispose()
    others.pop()?.dispose()
    expect(calls.disposals).toBe(0)
    others.pop()?.dispose()
    expect(calls).toEqual({ reads: 0, disposals: 1 })
  })

  test('moves to the running backend when something computes with it', async () => {
    const { array, calls, answer } = counted([1, 2])
    const tensor = deviceTensor(array, [2], 'float32')
    const clone = tf.clone(tensor)
    const read = tensor.data()
    answer()
    await read
    expect([...tf.mul(tensor, 3).dataSync()]).toEqual([3, 6])
    expect(calls).toEqual({ reads: 1, disposals: 1 })
    tensor.dispose()
    expect([...clone.dataSync()]).toEqual([1, 2])
    clone.dispose()
    expect(calls.disposals).toBe(1)
  })
})

describe('an array that a session holds', () => {
  const value = { name: 'y', type: 'float32', shape: [2] } as const
  const tensor = () => ({ location: 'gpu-buffer', dims: [2], data: undefined, dispose: vi.fn() })

  test('is read once, freed after that, and then away from its session', async () => {
    const live = new Set<HeldArray<RuntimeTensor>>()
    let answer: (values: Float32Array) => void = () => {}
    const download = vi.fn(() => new Promise<Float32Array>((resolve) => (answer = resolve)))
    const held = tensor()
    const array = new HeldArray<RuntimeTensor>(held, value, { download, live })
    const reads = [array.read(), array.read()]
    array.dispose()
    expect([held.dispose.mock.calls.length, live.size]).toEqual([0, 1])
    answer(Float32Array.of(1, 2))
    expect((await Promise.all(reads)).map((each) => [...each])).toEqual([
      [1, 2],
      [1, 2],
    ])
    await array.leave()
    expect([download.mock.calls.length, held.dispose.mock.calls.length, live.size]).toEqual([1, 1, 0])
  })

  test('may be read again where that failed', async () => {
    const answers = [Promise.reject(new Error('lost')), Promise.resolve(Float32Array.of(3))]
    const download = () => answers.shift() as Promise<Float32Array>
    const array = new HeldArray<RuntimeTensor>(tensor(), value, { download, live: new Set() })
    await expect(array.read()).rejects.toThrow('lost')
    expect([...(await array.read())]).toEqual([3])
  })
})

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
