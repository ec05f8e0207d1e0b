import type { Plugin } from 'vite'

/**
 * Threads of TensorFlow.js' WebAssembly get their code as the text of a function. That text reads `_scriptDir` of the scope
 * around it if there is one; a minifier knows that there is, drops the question and renames it, and the threads then fail.
 */
export function portableThreads(): Plugin {
  return {
    name: 'portable-threads',
    transform: {
      filter: { id: /tfjs-backend-wasm-threaded-simd\.js$/ },
      handler(code) {
        const [head = '', ...rest] = code.split(/(?=function\(WasmBackendModuleThreadedSimd\))/)
        if (rest.length === 0) this.error('The threads of TensorFlow.js’ WebAssembly have another form now.')
        return { code: head + rest.join('').replaceAll('_scriptDir', 'globalThis._scriptDir'), map: null }
      },
    },
  }
}
