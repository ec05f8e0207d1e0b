/** In Node the package finds its files itself. */
export const wasmFiles = (): undefined => undefined
