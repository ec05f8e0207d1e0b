/** WebGPU in Node: Dawn, Chromium's implementation, from the package `webgpu`. */
import { loadPeer } from './load-peer.ts'

/** @throws BackendUnavailableError when the package is missing or does not load. */
export async function findGpu(): Promise<GPU> {
  const given = globalThis.navigator?.gpu
  if (given) return given
  const dawn = await loadPeer(
    'webgpu',
    'webgpu',
    () => import('webgpu'),
    'Use Node on x64 or arm64 with Linux, macOS or Windows, and install it again: npm install webgpu.',
  )
  // TensorFlow.js looks for WebGPU where browsers have it
  Object.assign(globalThis, dawn.globals)
  const gpu = dawn.create(toggles)
  const property = (value: unknown) => ({ value, configurable: true, enumerable: true, writable: true })
  if (globalThis.navigator) Object.defineProperty(globalThis.navigator, 'gpu', property(gpu))
  else Object.defineProperty(globalThis, 'navigator', property({ gpu, userAgent: 'Node.js' }))
  return gpu
}

/**
 * Dawn keeps float16 from NVIDIA's cards under Vulkan unless told otherwise, since a few of its conformance tests fail there.
 * Ours pass, and nothing uses it without `precision: 'float16'`.
 */
const toggles = ['enable-dawn-features=vulkan_enable_f16_on_nvidia']

/** What to do where WebGPU finds nothing to compute on. */
export const noAdapterAdvice =
  'Install the driver of the graphics card; on Linux also the Vulkan loader (Debian: apt-get install libvulkan1). ' +
  'Without a graphics card use wasm() or tensorflow().'
