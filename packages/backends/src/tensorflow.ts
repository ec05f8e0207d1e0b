/**
 * Native TensorFlow in Node, by `@tensorflow/tfjs-node` or `@tensorflow/tfjs-node-gpu`. Both register a backend of the
 * same name and load a library of the same name, so a process can hold only one of them.
 */
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import util from 'node:util'
import * as tf from '@tensorflow/tfjs-core'
import type { BackendDriver, BackendInfo } from './driver.ts'
import { BackendUnavailableError } from './errors.ts'
import { registerAttention } from './kernels/attention-tensorflow.ts'
import { registerGroupNorm } from './kernels/group-norm-tensorflow.ts'
import { registerReshape } from './kernels/reshape-tensorflow.ts'
import { loadPeer } from './load-peer.ts'

const cpuPackage = '@tensorflow/tfjs-node'
const gpuPackage = '@tensorflow/tfjs-node-gpu'

/** The package whose library this process holds. */
let loaded: typeof cpuPackage | typeof gpuPackage | undefined

/** TensorFlow on all cores of the CPU: the engine for training. */
export function tensorflow(): BackendDriver {
  const name = 'tensorflow'
  return {
    name,
    needs: `Node, and the package ${cpuPackage} with its native library`,
    async start() {
      // without a GPU the other package computes as this one does
      const packageName = loaded ?? cpuPackage
      await load(name, packageName, () => import('@tensorflow/tfjs-node'))
      if (usesGpu()) {
        throw new BackendUnavailableError({
          backend: name,
          reason: `this process holds ${gpuPackage}, which computes on the GPU`,
          advice: 'Start it in a process of its own.',
        })
      }
      return describe('CPU')
    },
  }
}

/** TensorFlow on an NVIDIA GPU. */
export function tensorflowGpu(): BackendDriver {
  const name = 'tensorflow-gpu'
  return {
    name,
    needs: `Node, an NVIDIA GPU with CUDA, and the package ${gpuPackage} with its native library`,
    async start() {
      if (loaded === cpuPackage) {
        throw new BackendUnavailableError({
          backend: name,
          reason: `this process holds ${cpuPackage} already, and can hold only one of the two`,
          advice: 'Ask for tensorflowGpu() before tensorflow(), or start it in a process of its own.',
        })
      }
      // not among the development dependencies: its install script downloads CUDA builds
      await load(name, gpuPackage, async () => createRequire(import.meta.url)(gpuPackage))
      if (!usesGpu()) {
        throw new BackendUnavailableError({
          backend: name,
          reason: `${gpuPackage} finds no GPU`,
          advice: 'Install the driver, CUDA and cuDNN in the versions that it asks for, or use tensorflow().',
        })
      }
      return describe('GPU')
    },
  }
}

/** Loads a package unless it is there, and makes its backend current. */
async function load(name: string, packageName: typeof cpuPackage | typeof gpuPackage, load: () => unknown) {
  if (process.platform === 'linux') process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'
  restoreNodeUtilities()
  if (loaded !== packageName) {
    await loadPeer(
      name,
      packageName,
      async () => load(),
      `Fetch or build its native library (npm rebuild ${packageName}); in a checkout of this project, run ` +
        'pnpm provision:tensorflow.',
    )
    loaded = packageName
  }
  if (!(await tf.setBackend('tensorflow'))) {
    throw new BackendUnavailableError({
      backend: name,
      reason: `${packageName} is there but its backend does not start`,
      advice: 'Run any operation of it alone to see the message of the native library.',
    })
  }
}

function describe(device: 'CPU' | 'GPU'): BackendInfo {
  registerReshape()
  const fused = [
    { kernel: 'GuidedGroupNorm', name: 'GroupNorm', there: registerGroupNorm() },
    { kernel: 'GuidedAttention', name: 'attention', there: registerAttention() },
  ].filter(({ there }) => there)
  const where = device === 'GPU' ? 'GPU' : `${availableParallelism()} threads`
  const names = fused.map(({ name }) => name).join(' and ')
  return {
    backend: 'tensorflow',
    description: `TensorFlow ${libraryVersion()}, ${where}, ${names ? `fused ${names}` : 'nothing fused'}`,
    kernels: fused.flatMap(({ kernel }) => [kernel, `${kernel}Grad`]),
    trains: true,
  }
}

interface NativeBackend {
  readonly isUsingGpuDevice?: boolean
  readonly binding?: { readonly TF_Version?: string }
}

const native = () => tf.backend() as unknown as NativeBackend

const usesGpu = () => native().isUsingGpuDevice ?? false

const libraryVersion = () => native().binding?.TF_Version ?? 'of unknown version'

/** tfjs-node 4.22 calls two functions that Node 22 warns of, and one of which Node 23 took away. */
function restoreNodeUtilities(): void {
  const legacy = util as unknown as Record<string, unknown>
  legacy.isArray = Array.isArray
  legacy.isNullOrUndefined = (value: unknown) => value === null || value === undefined
}
