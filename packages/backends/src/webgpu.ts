/** WebGPU, by `@tensorflow/tfjs-backend-webgpu`: the browser's own, and Dawn in Node. */

import * as tf from '@tensorflow/tfjs-core'
import { findGpu, noAdapterAdvice } from '#gpu'
import type { BackendDriver } from './driver.ts'
import { type BackendFaultError, BackendLostError, BackendUnavailableError } from './errors.ts'
import { registerAttention } from './kernels/attention-webgpu.ts'
import { registerConv2D } from './kernels/conv2d-webgpu.ts'
import { registerGroupNorm } from './kernels/group-norm-webgpu.ts'
import { registerMatMul } from './kernels/matmul-webgpu.ts'
import { acceptEnables, type Precision, setPrecision } from './kernels/webgpu-backend.ts'
import { reuseBindGroups, reuseBuffers, type StoringBackend } from './kernels/webgpu-reuse.ts'
import { loadPeer } from './load-peer.ts'
import { firstFault } from './webgpu-faults.ts'

const packageName = '@tensorflow/tfjs-backend-webgpu'
const priority = 3

export interface WebGpuOptions {
  /** Which graphics card, where there are two. @default 'high-performance' */
  readonly powerPreference?: 'high-performance' | 'low-power'
  /**
   * What convolutions and attention multiply in, forward. With `'float16'` each number is rounded to 11 binary digits, and
   * sums of 16 products of a convolution and of 4 of attention are float16 too, everything else is float32: 3 digits of a
   * result instead of 6, and numbers beyond 65504 become infinite. Tensors and gradients stay float32.
   * @default 'float32'
   */
  readonly precision?: Precision
}

/** A device and what it computes on. */
interface Opened {
  readonly device: GPUDevice
  readonly info: GPUAdapterInfo
  readonly faulty: Promise<BackendFaultError>
}

/** Devices by the backend that computes on them, while they work. */
const opened = new WeakMap<tf.KernelBackend, Opened>()

/**
 * The graphics card: in browsers that have WebGPU, and in Node by the package `webgpu`. The report's `lost` tells when the
 * card is taken away; starting again then opens a new device, without the tensors of the old one. Its `faulty` tells of
 * memory that the card has not and of programs that it refuses, which no call throws.
 *
 * Starting throws {@link BackendUnavailableError} where there is no card, and with `precision: 'float16'` where the card
 * has no float16 in shaders.
 */
export function webgpu({
  powerPreference = 'high-performance',
  precision = 'float32',
}: WebGpuOptions = {}): BackendDriver {
  return {
    name: 'webgpu',
    needs: `a graphics card, and the package ${packageName}; in Node also the package webgpu`,
    async start() {
      const gpu = await findGpu()
      const { WebGPUBackend } = await loadPeer(
        'webgpu',
        packageName,
        () => import('@tensorflow/tfjs-backend-webgpu'),
      )
      const running = opened.get(tf.engine().registry.webgpu as tf.KernelBackend)
      const { device, info, faulty } = running ?? (await openDevice(gpu, powerPreference))
      if (precision === 'float16' && !device.features.has('shader-f16')) {
        if (!running) device.destroy()
        throw withoutHalf(describe(device, info))
      }
      if (!running) {
        if (tf.findBackendFactory('webgpu')) tf.removeBackend('webgpu')
        tf.registerBackend(
          'webgpu',
          () => {
            const backend = new WebGPUBackend(device, info)
            reuseBuffers(backend as unknown as StoringBackend, device)
            opened.set(backend, { device, info, faulty })
            device.lost.then(() => opened.delete(backend))
            return backend
          },
          priority,
        )
      }
      await tf.setBackend('webgpu')
      setPrecision(tf.backend(), precision)
      registerConv2D()
      registerMatMul()
      registerGroupNorm()
      registerAttention()
      return {
        backend: 'webgpu',
        description: `${describe(device, info)}${precision === 'float16' ? ', which convolutions and attention use' : ''}`,
        kernels: ['GuidedGroupNorm', 'GuidedGroupNormGrad', 'GuidedAttention', 'GuidedAttentionGrad'],
        trains: true,
        lost: device.lost.then(({ message }) => new BackendLostError({ backend: 'webgpu', reason: message })),
        faulty,
      }
    },
  }
}

/** Limits that large tensors and shared memory of kernels need: as much of each as the adapter has. */
const limits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const satisfies readonly (keyof GPUSupportedLimits)[]

/** What kernels may use where it is there. */
const features: readonly GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query']

async function openDevice(gpu: GPU, powerPreference: GPUPowerPreference): Promise<Opened> {
  const adapter = await gpu.requestAdapter({ powerPreference })
  if (!adapter) {
    throw new BackendUnavailableError({
      backend: 'webgpu',
      reason: 'WebGPU finds no graphics card that it can use',
      advice: noAdapterAdvice,
    })
  }
  try {
    const device = await adapter.requestDevice({
      requiredFeatures: features.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(limits.map((name) => [name, adapter.limits[name]])),
    })
    acceptEnables(device)
    reuseBindGroups(device)
    return { device, info: adapter.info, faulty: firstFault(device) }
  } catch (cause) {
    throw new BackendUnavailableError({
      backend: 'webgpu',
      reason: `the graphics card gives no device (${(cause as Error).message})`,
      advice: 'Close other pages and programs that use it, and start again.',
      cause,
    })
  }
}

const withoutHalf = (description: string) =>
  new BackendUnavailableError({
    backend: 'webgpu',
    reason: `float16 is asked for, and shaders have none here (${description})`,
    advice: "Leave the precision out, or take a card and a browser with WebGPU's shader-f16.",
  })

function describe(device: GPUDevice, info: GPUAdapterInfo): string {
  const name =
    info.description || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'an unnamed device'
  const half = device.features.has('shader-f16') ? 'with' : 'without'
  return `WebGPU on ${name}${info.isFallbackAdapter ? ' (software)' : ''}, ${half} float16`
}
