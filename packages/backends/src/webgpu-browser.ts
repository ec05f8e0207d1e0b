/** WebGPU of the browser. */
import { BackendUnavailableError } from './errors.ts'

/** @throws BackendUnavailableError where the browser has none. */
export async function findGpu(): Promise<GPU> {
  const gpu = globalThis.navigator?.gpu
  if (gpu) return gpu
  const secure = globalThis.isSecureContext
  throw new BackendUnavailableError({
    backend: 'webgpu',
    reason: secure
      ? 'this browser has no WebGPU'
      : 'browsers give WebGPU only to pages from https or from localhost',
    advice: secure
      ? 'Use a current Chrome, Edge, Safari or Firefox, or wasm().'
      : 'Serve the page over https, or use wasm().',
  })
}

/** What to do where WebGPU finds nothing to compute on. */
export const noAdapterAdvice =
  "Switch the browser's hardware acceleration on and look at its list of blocked graphics cards (chrome://gpu in " +
  'Chrome), or use wasm().'
