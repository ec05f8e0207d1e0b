import * as tf from '@tensorflow/tfjs-core'
import { wasmFiles } from '#wasm-files'
import type { BackendDriver } from './driver.ts'
import { BackendUnavailableError } from './errors.ts'
import { registerAttention } from './kernels/attention-wasm.ts'
import { registerConv2DFilterGradient } from './kernels/conv2d-filter-gradient-wasm.ts'
import { registerConv2DInputGradient } from './kernels/conv2d-input-gradient-wasm.ts'
import { registerGroupNorm } from './kernels/group-norm-wasm.ts'
import { registerMatMul } from './kernels/matmul-wasm.ts'
import { registerReductions } from './kernels/reduction-wasm.ts'
import { registerSlice } from './kernels/slice-wasm.ts'
import { loadPeer } from './load-peer.ts'
import { withWorkersRepaired } from './wasm-workers.ts'

const packageName = '@tensorflow/tfjs-backend-wasm'

export interface WasmOptions {
  /**
   * Folder or address, with a slash at its end, of the three `.wasm` files of `@tensorflow/tfjs-backend-wasm`: for
   * programs that find them at no place of their own.
   *
   * @default in Node beside the package's own code; in pages where the bundler put them, or where the page's import map
   * has the package
   */
  readonly folder?: string
}

/**
 * WebAssembly: needs nothing but npm, in Node and in browsers. Samples, guides and trains, with kernels of ours where
 * the stock backend has none or slow ones.
 */
export function wasm({ folder }: WasmOptions = {}): BackendDriver {
  return {
    name: 'wasm',
    needs: `the package ${packageName}`,
    async start() {
      const stock = await loadPeer('wasm', packageName, () => import('@tensorflow/tfjs-backend-wasm'))
      const files = folder ?? wasmFiles()
      if (files !== undefined && !tf.engine().registry.wasm) lookIn(stock, files)
      if (!(await withWorkersRepaired(() => tf.setBackend('wasm')))) {
        throw new BackendUnavailableError({
          backend: 'wasm',
          reason: `its WebAssembly module does not start${folder === undefined ? '' : ` from ${JSON.stringify(folder)}`}`,
          advice: `Pass wasm({ folder }) with the place of the .wasm files of ${packageName}.`,
        })
      }
      registerKernels()
      return {
        backend: 'wasm',
        description: await description(stock.getThreadsCount()),
        kernels: ['GuidedGroupNorm', 'GuidedGroupNormGrad', 'GuidedAttention', 'GuidedAttentionGrad'],
        trains: true,
      }
    },
  }
}

function lookIn(
  stock: typeof import('@tensorflow/tfjs-backend-wasm'),
  files: string | Record<string, string>,
): void {
  try {
    stock.setWasmPaths(files)
  } catch (cause) {
    throw new BackendUnavailableError({
      backend: 'wasm',
      reason: 'it failed to start before, and can no longer be told where its files are',
      advice: 'Give the right folder in a new process, or a page loaded anew.',
      cause,
    })
  }
}

function registerKernels(): void {
  registerMatMul()
  registerConv2DInputGradient()
  registerConv2DFilterGradient()
  registerReductions()
  registerSlice()
  registerGroupNorm()
  registerAttention()
}

async function description(threads: number): Promise<string> {
  const simd = (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) ? 'with' : 'without'
  return `WebAssembly ${simd} SIMD, ${threads === 1 ? 'one thread' : `${threads} threads`}`
}
