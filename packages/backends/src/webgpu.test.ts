import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { cpu } from './cpu.ts'
import { diagnose } from './doctor.ts'
import { BackendUnavailableError } from './errors.ts'
import { largestError, numbersOn, scatteredTensor } from './on-each-backend.fixture.ts'
import { startBackend } from './start-backend.ts'
import { webgpu } from './webgpu.ts'

const noSoftware = useSoftwareGpu()
const [gpu] = await diagnose([webgpu()])
if (!gpu) throw new Error('diagnose gives an answer for every driver')

const deviceOf = () => (tf.backend() as unknown as { device: GPUDevice }).device

const suite = gpu.available ? 'WebGPU' : `WebGPU: ${noSoftware ?? gpu.reason}`
describe.skipIf(!gpu.available)(suite, () => {
  test('tells what computes', async () => {
    const report = await startBackend([webgpu(), cpu()])
    expect(tf.getBackend()).toBe('webgpu')
    expect(report).toMatchObject({ name: 'webgpu', backend: 'webgpu', trains: true, skipped: [] })
    expect(report.description).toMatch(/^WebGPU on .+, with(out)? float16$/)
    expect(deviceOf().limits.maxBufferSize).toBeGreaterThan(2 ** 28)
  })

  test('convolves, and differentiates', async () => {
    await startBackend([cpu()])
    await startBackend([webgpu()])
    const gradient = () => {
      const [image, filter] = [scatteredTensor([2, 9, 8, 3], 1), scatteredTensor([3, 3, 3, 5], 2)]
      const loss = (x: tf.Tensor, w: tf.Tensor) =>
        tf.sum(tf.square(tf.sigmoid(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'))))
      return tf.grads(loss as (...args: tf.Tensor[]) => tf.Tensor)([image, filter])
    }
    const [actual, expected] = [await numbersOn('webgpu', gradient), await numbersOn('cpu', gradient)]
    for (const i of [0, 1]) {
      const scale = Math.max(...(expected[i] as Float32Array).map(Math.abs))
      expect(largestError(actual[i] as Float32Array, expected[i] as Float32Array) / scale).toBeLessThan(1e-5)
    }
  })

  test('computes with float16 where it is asked for and there', async () => {
    const report = await startBackend([webgpu({ precision: 'float16' }), cpu()])
    if (report.name === 'webgpu')
      expect(report.description).toMatch(/, with float16, which convolutions and attention use$/)
    else
      expect(report.skipped[0]?.reason).toMatch(
        /^float16 is asked for, and shaders have none here \(WebGPU on .+, without float16\)$/,
      )
  })

  test('starting twice keeps device and tensors', async () => {
    await startBackend([webgpu()])
    const device = deviceOf()
    const kept = tf.square(tf.tensor1d([1, 2, 3]))
    await startBackend([webgpu()])
    expect(deviceOf()).toBe(device)
    expect([...(await kept.data())]).toEqual([1, 4, 9])
    kept.dispose()
  })

  test('what the device refuses without a throw is told, and not what it does', async () => {
    const { faulty, lost } = await startBackend([webgpu()])
    let heard = false
    void faulty?.then(() => {
      heard = true
    })
    await numbersOn('webgpu', () => tf.add(tf.ones([4]), 1))
    expect(heard).toBe(false)
    const device = deviceOf()
    // no buffer is both mapped to be read and computed on
    device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE })
    await device.queue.onSubmittedWorkDone()
    const error = await faulty
    expect(error).toMatchObject({ name: 'BackendFaultError', backend: 'webgpu' })
    expect(error?.message).toMatch(/^The webgpu backend met a fault: .+\.$/s)
    expect(error?.advice).toMatch(/may be wrong/)
    // it computes on, and starts again as the faulty one that it is
    expect((await startBackend([webgpu()])).faulty).toBe(faulty)
    device.destroy()
    await lost
  })

  test('the loss of the device is told, and starting again opens another', async () => {
    const { lost } = await startBackend([webgpu()])
    const device = deviceOf()
    device.destroy()
    const error = await lost
    expect(error).toMatchObject({ name: 'BackendLostError', backend: 'webgpu' })
    expect(error?.message).toMatch(/^The webgpu backend lost its device: .+\.$/)
    await startBackend([webgpu()])
    expect(deviceOf()).not.toBe(device)
    const [sum] = await numbersOn('webgpu', () => tf.add(tf.ones([4]), 1))
    expect(sum).toEqual(new Float32Array(4).fill(2))
  })
})

describe('without a graphics card', () => {
  beforeEach(() => {
    if (tf.findBackendFactory('webgpu')) tf.removeBackend('webgpu')
  })
  afterEach(() => void vi.unstubAllGlobals())

  test('says so, and leaves the engine to the next driver', async () => {
    vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => null } })
    const report = await startBackend([webgpu(), cpu()])
    expect(report.name).toBe('cpu')
    expect(report.skipped[0]?.message).toMatchInlineSnapshot(
      `"The webgpu backend can't run here: WebGPU finds no graphics card that it can use. Install the driver of the graphics card; on Linux also the Vulkan loader (Debian: apt-get install libvulkan1). Without a graphics card use wasm() or tensorflow()."`,
    )
  })

  test('the reason of a device that is refused is told', async () => {
    const adapter = {
      features: new Set(),
      limits: {},
      requestDevice: () => Promise.reject(new Error('it is in use')),
    }
    vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => adapter } })
    const { skipped } = await startBackend([webgpu(), cpu()])
    expect(skipped[0]?.message).toMatchInlineSnapshot(
      `"The webgpu backend can't run here: the graphics card gives no device (it is in use). Close other pages and programs that use it, and start again."`,
    )
  })

  test('float16 is refused where shaders have none, and the device is given back', async () => {
    const destroy = vi.fn()
    const device = {
      features: new Set(),
      lost: new Promise(() => {}),
      addEventListener() {},
      createShaderModule() {},
      createComputePipeline() {},
      createComputePipelineAsync() {},
      createBindGroup() {},
      destroy,
    }
    const adapter = {
      features: new Set(),
      limits: {},
      info: { vendor: 'acme', architecture: 'one' },
      requestDevice: async () => device,
    }
    vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => adapter } })
    const { skipped } = await startBackend([webgpu({ precision: 'float16' }), cpu()])
    expect(skipped[0]).toBeInstanceOf(BackendUnavailableError)
    expect(skipped[0]?.message).toMatchInlineSnapshot(
      `"The webgpu backend can't run here: float16 is asked for, and shaders have none here (WebGPU on acme one, without float16). Leave the precision out, or take a card and a browser with WebGPU's shader-f16."`,
    )
    expect(destroy).toHaveBeenCalledOnce()
  })
})
