import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import * as tf from '@tensorflow/tfjs-core'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { diagnose } from '../doctor.ts'
import { scatteredTensor } from '../on-each-backend.fixture.ts'
import { startBackend } from '../start-backend.ts'
import { webgpu } from '../webgpu.ts'
import { reuseBindGroups, reuseBuffers, type StoringBackend } from './webgpu-reuse.ts'

const noSoftware = useSoftwareGpu()
const [gpu] = await diagnose([webgpu()])
if (!gpu) throw new Error('diagnose gives an answer for every driver')

describe('bind groups', () => {
  const createBindGroup = vi.fn((descriptor: GPUBindGroupDescriptor) => ({ descriptor }))
  const device = {
    createBindGroup,
    createComputePipeline: () => ({ getBindGroupLayout: (index: number) => ({ index }) }),
  } as unknown as GPUDevice
  reuseBindGroups(device)
  const pipeline = () => device.createComputePipeline({} as GPUComputePipelineDescriptor)
  const group = (layout: GPUBindGroupLayout, ...resources: object[]) =>
    device.createBindGroup({
      layout,
      entries: resources.map((resource, binding) => ({ binding, resource: resource as GPUBufferBinding })),
    })
  beforeEach(() => createBindGroup.mockClear())

  test('of the same layout and buffers are one', () => {
    const { getBindGroupLayout: layout } = pipeline()
    const [a, b] = [{}, {}]
    const first = group(layout(0), { buffer: a }, { buffer: b, offset: 0, size: 16 })
    expect(group(layout(0), { buffer: a, offset: 0 }, { buffer: b, size: 16 })).toBe(first)
    expect(createBindGroup).toHaveBeenCalledTimes(1)
  })

  test('of others are others', () => {
    const [{ getBindGroupLayout: layout }, { getBindGroupLayout: other }] = [pipeline(), pipeline()]
    const [a, b] = [{}, {}]
    const groups = [
      group(layout(0), { buffer: a }, { buffer: b }),
      group(layout(0), { buffer: b }, { buffer: a }),
      group(layout(0), { buffer: a }, { buffer: b, size: 4 }),
      group(layout(0), { buffer: a }, { buffer: b, offset: 4 }),
      group(layout(0), { buffer: a }),
      group(layout(1), { buffer: a }, { buffer: b }),
      group(other(0), { buffer: a }, { buffer: b }),
    ]
    expect(new Set(groups).size).toBe(groups.length)
  })

  test('of textures are made each time', () => {
    const { getBindGroupLayout: layout } = pipeline()
    const view = {}
    expect(group(layout(0), view)).not.toBe(group(layout(0), view))
  })
})

describe('uniforms', () => {
  function storing() {
    const makeUniforms = vi.fn(() => {
      const buffer = {} as GPUBuffer
      backend.uniformPendingDisposal.push(buffer)
      return { buffer }
    })
    const backend = { uniformPendingDisposal: [] as GPUBuffer[], makeUniforms, uploadToGPU: () => {} }
    reuseBuffers(backend as unknown as StoringBackend, {} as GPUDevice)
    const uniforms = (...data: (readonly [string, readonly number[]])[]) =>
      (backend as unknown as StoringBackend).makeUniforms(data.map(([type, data]) => ({ type, data })))
    return { backend, makeUniforms, uniforms }
  }

  test('of equal numbers share a buffer, which stays', () => {
    const { backend, makeUniforms, uniforms } = storing()
    const first = uniforms(['float32', [Number.NaN]], ['int32', [1, 23]])
    expect(uniforms(['float32', [Number.NaN]], ['int32', [1, 23]])).toBe(first)
    const others = [
      uniforms(['float32', [Number.NaN]], ['int32', [12, 3]]),
      uniforms(['float32', [Number.NaN]], ['int32', [1]], ['int32', [23]]),
      uniforms(['float32', [Number.NaN]], ['float32', [1, 23]]),
    ]
    expect(new Set([first, ...others]).size).toBe(4)
    expect(makeUniforms).toHaveBeenCalledTimes(4)
    expect(backend.uniformPendingDisposal).toEqual([])
  })

  test('with a negative zero are made each time', () => {
    const { uniforms } = storing()
    expect(uniforms(['float32', [0]])).not.toBe(uniforms(['float32', [-0]]))
    expect(uniforms(['float32', [-0]])).not.toBe(uniforms(['float32', [-0]]))
  })

  test('the oldest of very many are given back', () => {
    const { backend, uniforms } = storing()
    const first = uniforms(['int32', [0]])
    for (let i = 1; i <= 8192; i++) uniforms(['int32', [i]])
    expect(backend.uniformPendingDisposal).toEqual([first.buffer])
    expect(uniforms(['int32', [0]])).not.toBe(first)
  })
})

const suite = gpu.available ? 'tensors of one number' : `WebGPU: ${noSoftware ?? gpu.reason}`
describe.skipIf(!gpu.available)(suite, () => {
  test('keep their bits, however often they come', async () => {
    await startBackend([webgpu()])
    const values = [1, 0, -0, 1, Number.POSITIVE_INFINITY, 0, -0, 1e-40, 2 ** -24, 1 / 3]
    const numbers = () => tf.tidy(() => tf.stack(values.map((value) => tf.scalar(value))))
    const [first, second] = [numbers(), numbers()]
    for (const each of [first, second]) {
      const bits = new Int32Array(((await each.data()) as Float32Array).slice().buffer)
      expect([...bits]).toEqual([...new Int32Array(Float32Array.from(values).buffer)])
    }
    tf.dispose([first, second])
  })

  test('are those of their type', async () => {
    await startBackend([webgpu()])
    const all = tf.tidy(() => [
      tf.add(tf.tensor1d([1, 2], 'int32'), tf.scalar(1, 'int32')),
      tf.add(tf.tensor1d([1, 2]), tf.scalar(1)),
      tf.logicalAnd(tf.tensor1d([true, false], 'bool'), tf.scalar(true, 'bool')),
    ])
    expect(await Promise.all(all.map(async (each) => [...(await each.data())]))).toEqual([
      [2, 3],
      [2, 3],
      [1, 0],
    ])
    tf.dispose(all)
  })

  test('and no other tensor is written where they lie', async () => {
    await startBackend([webgpu()])
    const x = scatteredTensor<tf.Rank.R1>([4])
    const expected = [...(await x.data())].map((value) => Math.fround(value + 0.5))
    for (let round = 0; round < 3; round++) {
      const [y, sum] = tf.tidy(() => [tf.add(x, 0.5), tf.sum(tf.mul(x, round))]) as [tf.Tensor, tf.Tensor]
      expect([...(await y.data())]).toEqual(expected)
      await sum.data()
      tf.dispose([y, sum])
    }
    x.dispose()
  })
})
