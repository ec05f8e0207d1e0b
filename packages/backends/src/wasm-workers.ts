/** Threads of `@tensorflow/tfjs-backend-wasm` in pages that were made by a minifier. */

const beginning = 'var WasmBackendModuleThreadedSimd = '

/**
 * The stock package hands its workers the text of a function, which reads a variable from around it. A minifier gives that
 * variable another name and takes away the question whether it is there, so that each worker ends with a ReferenceError and
 * the start never does. While `start` runs, such a text is put where names that exist nowhere are undefined.
 */
export async function withWorkersRepaired<T>(start: () => Promise<T>): Promise<T> {
  const original = globalThis.Blob
  const repairing = class Blob extends original {
    constructor(parts: BlobPart[] = [], options?: BlobPropertyBag) {
      super(parts.map(repaired), options)
    }
  }
  globalThis.Blob = repairing
  try {
    return await start()
  } finally {
    if (globalThis.Blob === repairing) globalThis.Blob = original
  }
}

function repaired(part: BlobPart): BlobPart {
  if (typeof part !== 'string' || !part.startsWith(beginning)) return part
  const nowhere = 'new Proxy({}, { has: (_, name) => !(name in globalThis), get: () => undefined })'
  return `var WasmBackendModuleThreadedSimd\nwith (${nowhere}) {\n${part.slice('var '.length)}\n}`
}
