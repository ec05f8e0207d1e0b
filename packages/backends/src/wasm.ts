import * as tf from '@tensorflow/tfjs-core'
import type { BackendDriver } from './driver.ts'
import { loadPeer } from './load-peer.ts'

/** WebAssembly: needs nothing but npm, in Node and in browsers. */
export function wasm(): BackendDriver {
  return {
    name: 'wasm',
    needs: 'the package @tensorflow/tfjs-backend-wasm',
    async start() {
      await loadPeer('wasm', '@tensorflow/tfjs-backend-wasm', () => import('@tensorflow/tfjs-backend-wasm'))
      await tf.setBackend('wasm')
      await tf.ready()
      return { backend: 'wasm', description: 'WebAssembly', kernels: [], trains: false }
    },
  }
}
