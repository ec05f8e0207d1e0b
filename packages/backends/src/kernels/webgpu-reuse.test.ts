import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { diagnose } from '../doctor.ts'
import { held, scatteredTensor } from '../on-each-backend.fixture.ts'
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
    createComputePipelineAsync: async () => ({ getBindGroupLayout: (index: number) => ({ index }) }),
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

  test('of a program that was compiled in the background are kept too', async () => {
    const { getBindGroupLayout: layout } = await device.createComputePipelineAsync(
      {} as GPUComputePipelineDescriptor,
    )
    const a = {}
    expect(group(layout(0), { buffer: a })).toBe(group(layout(0), { buffer: a }))
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
    const backend = {
      uniformPendingDisposal: [] as GPUBuffer[],
      makeUniforms,
      uploadToGPU() {},
      runWebGPUProgram() {},
    }
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

const suite = gpu.available ? 'on WebGPU' : `WebGPU: ${noSoftware ?? gpu.reason}`
describe.skipIf(!gpu.available)(suite, () => {
  beforeAll(async () => {
    await startBackend([webgpu()])
    // else small operands are computed on the processor
    tf.env().set('WEBGPU_CPU_FORWARD', false)
  })
  afterAll(() => tf.env().set('WEBGPU_CPU_FORWARD', true))

  /** How often a method of the queue or of the device's objects is called meanwhile. */
  async function calls<T>(of: object, method: string, during: () => Promise<T>): Promise<number> {
    const spy = vi.spyOn(of as Record<string, () => unknown>, method)
    try {
      await during()
      return spy.mock.calls.length
    } finally {
      spy.mockRestore()
    }
  }
  const device = () => (tf.backend() as unknown as { device: GPUDevice }).device

  test('a pass like another writes no uniforms, makes no buffers and no bind groups', async () => {
    const filter = scatteredTensor<tf.Rank.R4>([3, 3, 2, 4])
    const x = scatteredTensor<tf.Rank.R4>([1, 6, 6, 2])
    const pass = async () => {
      const y = tf.tidy(() => tf.mul(tf.add(tf.conv2d(x, filter, 1, 'same'), 0.25), tf.scalar(3)))
      const numbers = await y.data()
      y.dispose()
      return numbers
    }
    const first = await pass()
    await pass()
    const again = () => pass().then((numbers) => expect(numbers).toEqual(first))
    expect(await calls(device().queue, 'writeBuffer', again)).toBe(0)
    // that which is read
    expect(await calls(device(), 'createBuffer', again)).toBeLessThanOrEqual(1)
    const groups = async () => {
      const spy = vi.spyOn(device(), 'createBindGroup')
      await again()
      const made = spy.mock.results.map(({ value }) => value as GPUBindGroup)
      spy.mockRestore()
      return made
    }
    // buffers of one size may change places from pass to pass
    const known = new Set<GPUBindGroup>()
    for (let i = 0; i < 6; i++) for (const group of await groups()) known.add(group)
    const last = await groups()
    expect(last.length).toBeGreaterThan(2)
    expect(last.filter((group) => !known.has(group))).toEqual([])
    tf.dispose([x, filter])
  })

  test('numbers keep their bits, however often they come', async () => {
    const values = [1, 0, -0, 1, Number.POSITIVE_INFINITY, 0, -0, 1e-40, 2 ** -24, 1 / 3]
    const bitsOf = (numbers: Float32Array) => [...new Int32Array(numbers.slice().buffer)]
    for (let round = 0; round < 3; round++) {
      const stacked = tf.tidy(() => tf.stack(values.map((value) => tf.scalar(value))))
      expect(bitsOf((await stacked.data()) as Float32Array)).toEqual(bitsOf(Float32Array.from(values)))
      stacked.dispose()
    }
  })

  test('numbers are those of their type', async () => {
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

  test('a tensor of one number is read and freed as any', async () => {
    const before = held()
    const [one, other] = [tf.scalar(0.75), tf.scalar(0.75)]
    const sums = [tf.add(one, 1), tf.add(other, 1)]
    one.dispose()
    expect(await Promise.all(sums.map((sum) => sum.data()))).toEqual([
      Float32Array.of(1.75),
      Float32Array.of(1.75),
    ])
    expect(await other.data()).toEqual(Float32Array.of(0.75))
    tf.dispose([other, sums])
    expect(held()).toEqual(before)
  })

  test('numbers that are given up for newer ones stay right where they are in use', async () => {
    const x = tf.tensor1d([1, 2])
    const old = tf.scalar(0.125)
    tf.dispose(tf.add(x, old))
    for (let i = 0; i < 1100; i++) tf.tidy(() => void tf.add(x, i + 0.5))
    const sums = [tf.add(x, old), tf.add(x, 0.125)]
    for (const sum of sums) expect([...(await sum.data())]).toEqual([1.125, 2.125])
    tf.dispose([x, old, sums])
  })

  test('no program writes where they lie', async () => {
    const x = tf.tensor1d([1, 2])
    const sum = () => tf.tidy(() => tf.add(x, tf.scalar(5)))
    const before = sum()
    expect([...(await before.data())]).toEqual([6, 7])
    // its result is the tensor itself, repeated once on the processor
    tf.env().set('WEBGPU_CPU_FORWARD', true)
    const written = tf.tensorScatterUpdate(tf.tensor1d([5]), [[0]], [7])
    tf.env().set('WEBGPU_CPU_FORWARD', false)
    expect([...(await written.data())]).toEqual([7])
    const after = sum()
    expect([...(await after.data())]).toEqual([6, 7])
    tf.dispose([x, before, written, after])
  })
})
