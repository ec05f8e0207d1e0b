/** WebGPU, by `@tensorflow/tfjs-backend-webgpu`: the browser's own, and Dawn in Node. */

import * as tf from '@tensorflow/tfjs-core'
import { findGpu, noAdapterAdvice } from '#gpu'
import type { BackendDriver } from './driver.ts'
import { BackendLostError, BackendUnavailableError } from './errors.ts'
import { registerAttention } from './kernels/attention-webgpu.ts'
import { registerGroupNorm } from './kernels/group-norm-webgpu.ts'
import { loadPeer } from './load-peer.ts'

const packageName = '@tensorflow/tfjs-backend-webgpu'
const priority = 3

export interface WebGpuOptions {
  /** Which graphics card, where there are two. @default 'high-performance' */
  readonly powerPreference?: 'high-performance' | 'low-power'
}

/** A device and what it computes on. */
interface Opened {
  readonly device: GPUDevice
  readonly info: GPUAdapterInfo
}

/** Devices by the backend that computes on them, while they work. */
const opened = new WeakMap<tf.KernelBackend, Opened>()

/**
 * The graphics card: in browsers that have WebGPU, and in Node by the package `webgpu`. The report's `lost` tells when the
 * card is taken away; starting again then opens a new device, without the tensors of the old one.
 */
export function webgpu({ powerPreference = 'high-performance' }: WebGpuOptions = {}): BackendDriver {
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
      const { device, info } = running ?? (await openDevice(gpu, powerPreference))
      if (!running) {
        if (tf.findBackendFactory('webgpu')) tf.removeBackend('webgpu')
        tf.registerBackend(
          'webgpu',
          () => {
            const backend = new WebGPUBackend(device, info)
            opened.set(backend, { device, info })
            device.lost.then(() => opened.delete(backend))
            return backend
          },
          priority,
        )
      }
      await tf.setBackend('webgpu')
      registerGroupNorm()
      registerAttention()
      return {
        backend: 'webgpu',
        description: describe(device, info),
        kernels: ['GuidedGroupNorm', 'GuidedGroupNormGrad', 'GuidedAttention', 'GuidedAttentionGrad'],
        trains: true,
        lost: device.lost.then(({ message }) => new BackendLostError({ backend: 'webgpu', reason: message })),
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
    return { device, info: adapter.info }
  } catch (cause) {
    throw new BackendUnavailableError({
      backend: 'webgpu',
      reason: `the graphics card gives no device (${(cause as Error).message})`,
      advice: 'Close other pages and programs that use it, and start again.',
      cause,
    })
  }
}

function describe(device: GPUDevice, info: GPUAdapterInfo): string {
  const name =
    info.description || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'an unnamed device'
  const half = device.features.has('shader-f16') ? 'with' : 'without'
  return `WebGPU on ${name}${info.isFallbackAdapter ? ' (software)' : ''}, ${half} float16`
}
