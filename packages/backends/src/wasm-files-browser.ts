/** Where a page finds the `.wasm` files of `@tensorflow/tfjs-backend-wasm`. */

/** Addresses by the names that `setWasmPaths` asks for, or nothing where they are not known. */
export function wasmFiles(): Record<string, string> | undefined {
  // Bundlers know this form: they put the files beside the code and write their addresses here.
  const files = {
    'tfjs-backend-wasm.wasm': new URL(
      '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm',
      import.meta.url,
    ).href,
    'tfjs-backend-wasm-simd.wasm': new URL(
      '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm',
      import.meta.url,
    ).href,
    'tfjs-backend-wasm-threaded-simd.wasm': new URL(
      '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm',
      import.meta.url,
    ).href,
  }
  return isBundled(files['tfjs-backend-wasm.wasm']) ? files : besidePackage(Object.keys(files))
}

/** Without a bundler the address is the one that was written, below this file. */
function isBundled(address: string): boolean {
  const here = import.meta.url
  return !address.startsWith(`${new URL('.', here).href}@tensorflow/`)
}

/** From a CDN or a server: where the page's import map has the package. */
function besidePackage(names: readonly string[]): Record<string, string> | undefined {
  let entry: string
  try {
    entry = import.meta.resolve('@tensorflow/tfjs-backend-wasm')
  } catch {
    return undefined
  }
  const folder = /^.*\/tfjs-backend-wasm(@[^/]+)?\//.exec(`${entry}/`)?.[0]
  return folder === undefined
    ? undefined
    : Object.fromEntries(names.map((name) => [name, `${folder}dist/${name}`]))
}
