import * as tf from '@tensorflow/tfjs-core'
import type { BackendDriver } from './driver.ts'
import { loadPeer } from './load-peer.ts'

/** Plain JavaScript on one core: runs everywhere, for tests and tiny networks. */
export function cpu(): BackendDriver {
  return {
    name: 'cpu',
    needs: 'the package @tensorflow/tfjs-backend-cpu',
    async start() {
      await loadPeer('cpu', '@tensorflow/tfjs-backend-cpu', () => import('@tensorflow/tfjs-backend-cpu'))
      await tf.setBackend('cpu')
      return {
        backend: 'cpu',
        description: 'JavaScript, one core; for tests and tiny networks',
        kernels: [],
        trains: true,
      }
    },
  }
}
