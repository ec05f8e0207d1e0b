/**
 * What a kernel makes in the heap on its way, freed however it ends.
 */
import type * as tf from '@tensorflow/tfjs-core'
import { addressOf, runWasmKernel, type WasmBackend } from './wasm-backend.ts'

/** Runs `use`, and frees all that its scope made except the tensors that it returns; all of it on an error. */
export function inScope<T extends tf.TensorInfo | tf.TensorInfo[]>(
  backend: WasmBackend,
  use: (scope: WasmScope) => T,
): T
export function inScope(backend: WasmBackend, use: (scope: WasmScope) => void): void
export function inScope(backend: WasmBackend, use: (scope: WasmScope) => unknown): unknown {
  const scope = new WasmScope(backend)
  let kept: tf.TensorInfo[] = []
  try {
    const result = use(scope) as tf.TensorInfo | tf.TensorInfo[] | undefined
    kept = result ? [result].flat() : []
    return result
  } finally {
    scope.freeAllBut(kept)
  }
}

/** Matrices of one size, by the numbers under which native functions know them. */
export interface Matrices {
  readonly ids: readonly number[]
  readonly rows: number
  readonly columns: number
}

/** Matrices that lie one after another, from the beginning of a tensor. */
export interface Stack extends Matrices {
  readonly tensor: tf.TensorInfo
}

export class WasmScope {
  readonly backend: WasmBackend
  readonly #tensors: tf.TensorInfo[] = []
  readonly #aliases: number[] = []

  constructor(backend: WasmBackend) {
    this.backend = backend
  }

  /** A float32 tensor whose numbers are yet to be written. */
  make(shape: number[]): tf.TensorInfo {
    const tensor = this.backend.makeOutput(shape, 'float32')
    this.#tensors.push(tensor)
    return tensor
  }

  /** Runs a kernel that is registered for WebAssembly. */
  run(
    kernelName: string,
    inputs: Record<string, tf.TensorInfo>,
    attrs: Record<string, unknown> = {},
  ): tf.TensorInfo {
    const tensor = runWasmKernel(this.backend, kernelName, inputs, attrs)
    this.#tensors.push(tensor)
    return tensor
  }

  /**
   * Matrices that begin at these places of a tensor. Once one was a right factor its numbers must stay as they are: the
   * library keeps a copy in an order of its own until the scope ends.
   */
  matrices(tensor: tf.TensorInfo, starts: readonly number[], rows: number, columns: number): Matrices {
    const address = addressOf(this.backend, tensor)
    const ids = starts.map((start) => {
      const id = this.backend.dataIdNextNumber++
      this.backend.wasm.tfjs.registerTensor(id, rows * columns, address + 4 * start)
      this.#aliases.push(id)
      return id
    })
    return { ids, rows, columns }
  }

  /** The matrices of a tensor `[count, rows, columns]`. */
  matricesOf(tensor: tf.TensorInfo): Stack {
    const [count, rows, columns] = tensor.shape as [number, number, number]
    const starts = Array.from({ length: count }, (_, i) => i * rows * columns)
    return { ...this.matrices(tensor, starts, rows, columns), tensor }
  }

  freeAllBut(kept: readonly tf.TensorInfo[]): void {
    // no memory, but what the library derived from the numbers
    for (const id of this.#aliases) this.backend.wasm.tfjs.disposeData(id)
    // a kernel that has nothing to do answers with what it was given, counted once more: one of them is kept
    for (const { dataId } of kept) {
      const index = this.#tensors.findLastIndex((each) => each.dataId === dataId)
      if (index >= 0) this.#tensors.splice(index, 1)
    }
    for (const { dataId } of this.#tensors) this.backend.disposeData(dataId)
  }
}
