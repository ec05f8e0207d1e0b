/** Backends of TensorFlow.js as they come, started without `@guided-diffusion/backends`. Each says what it runs on. */
import util from 'node:util'
import * as tf from '@tensorflow/tfjs-core'

/** WebGPU of the package `webgpu`, where TensorFlow.js looks for it. */
export async function useDawn(toggles) {
  const { create, globals } = await import('webgpu')
  Object.assign(globalThis, globals)
  const navigator = { gpu: create(toggles), userAgent: 'Node.js' }
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true })
}

export const startStock = {
  cpu: async () => {
    await import('@tensorflow/tfjs-backend-cpu')
    return 'JavaScript, one thread'
  },
  wasm: async () => {
    const { getThreadsCount } = await import('@tensorflow/tfjs-backend-wasm')
    await tf.setBackend('wasm')
    return `WebAssembly, threads: ${getThreadsCount()}`
  },
  webgpu: async () => {
    if (!globalThis.navigator?.gpu) await useDawn([])
    await import('@tensorflow/tfjs-backend-webgpu')
    if (!(await tf.setBackend('webgpu'))) throw new Error('WebGPU does not start')
    const { vendor, architecture, description } = tf.backend().adapterInfo
    return `WebGPU on ${description || `${vendor} ${architecture}`}`
  },
  tensorflow: async (threads) => {
    process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'
    // Node took them away after this backend's last version
    util.isArray ??= Array.isArray
    util.isNullOrUndefined ??= (value) => value === null || value === undefined
    await import('@tensorflow/tfjs-node')
    await tf.setBackend('tensorflow')
    return `TensorFlow ${tf.backend().binding.TF_Version}, threads: ${threads}`
  },
}
