import type { BackendDriver } from '@guided-diffusion/backends'
import * as tf from '@tensorflow/tfjs-core'
// @boundaries-ignore the source itself, bundled into the page
import { wasmFiles } from '../../../packages/backends/src/wasm-files-browser.ts'

/** TensorFlow.js's WebAssembly as it comes, without kernels of ours: what measurements are compared with. */
export const stockWasm = (): BackendDriver => ({
  name: 'stock-wasm',
  needs: 'the package @tensorflow/tfjs-backend-wasm',
  async start() {
    const stock = await import('@tensorflow/tfjs-backend-wasm')
    const files = wasmFiles()
    if (files) stock.setWasmPaths(files)
    await tf.setBackend('wasm')
    const threads = stock.getThreadsCount()
    return {
      backend: 'wasm',
      description: `TensorFlow.js alone, threads: ${threads}`,
      kernels: [],
      trains: false,
    }
  },
})
