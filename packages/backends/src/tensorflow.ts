/**
 * Native TensorFlow in Node, by `@tensorflow/tfjs-node`.
 */
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import util from 'node:util'
import * as tf from '@tensorflow/tfjs-core'
import type { BackendDriver } from './driver.ts'
import { BackendUnavailableError } from './errors.ts'
import { registerGroupNorm } from './kernels/group-norm-tensorflow.ts'
import { loadPeer } from './load-peer.ts'

/** TensorFlow on all cores of the CPU: the engine for training. */
export function tensorflow(): BackendDriver {
  return native('tensorflow', '@tensorflow/tfjs-node', async () => {
    await import('@tensorflow/tfjs-node')
  })
}

/** TensorFlow on an NVIDIA GPU, by `@tensorflow/tfjs-node-gpu`. */
export function tensorflowGpu(): BackendDriver {
  return native('tensorflow-gpu', '@tensorflow/tfjs-node-gpu', async () => {
    // not among the development dependencies: its install script downloads CUDA builds
    createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu')
  })
}

function native(name: string, packageName: string, load: () => Promise<void>): BackendDriver {
  return {
    name,
    needs: `the package ${packageName} with its native library`,
    async start() {
      if (process.platform === 'linux') process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'
      restoreNodeUtilities()
      await loadPeer(
        name,
        packageName,
        load,
        `Install ${packageName} with its native library (npm rebuild ${packageName}); ` +
          'in a checkout of this project, run pnpm provision:tensorflow.',
      )
      if (!(await tf.setBackend('tensorflow'))) {
        throw new BackendUnavailableError({
          backend: name,
          reason: `${packageName} is there but its backend does not start`,
          advice: 'Run any operation of it alone to see the message of the native library.',
        })
      }
      await tf.ready()
      const fused = registerGroupNorm()
      const version = libraryVersion()
      return {
        backend: 'tensorflow',
        description: `TensorFlow ${version}, ${availableParallelism()} threads, ${fused ? 'fused' : 'composed'} GroupNorm`,
        kernels: fused ? ['GuidedGroupNorm', 'GuidedGroupNormGrad'] : [],
        trains: true,
      }
    },
  }
}

/** Version of the native library, as its binding tells. */
function libraryVersion(): string {
  const { binding } = tf.backend() as unknown as { binding?: { TF_Version?: string } }
  return binding?.TF_Version ?? 'of unknown version'
}

/** tfjs-node 4.22 calls `util.isNullOrUndefined`, which Node 23 took away. */
function restoreNodeUtilities(): void {
  const legacy = util as unknown as Record<string, unknown>
  legacy.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined
}
