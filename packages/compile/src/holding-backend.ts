import * as tf from '@tensorflow/tfjs-core'

/**
 * A backend of TensorFlow.js that holds something for the numbers of each tensor, counts the tensors that share them, and
 * computes nothing.
 */
export abstract class HoldingBackend<T> extends tf.KernelBackend {
  readonly #entries = new Map<object, { readonly held: T; references: number }>()

  /** The `dataId` of a first tensor. */
  hold(held: T): object {
    const dataId = {}
    this.#entries.set(dataId, { held, references: 1 })
    return dataId
  }

  held(dataId: object): T | undefined {
    return this.#entries.get(dataId)?.held
  }

  /** Called when the last tensor is disposed. */
  protected released(_: T): void {}

  override disposeData(dataId: object, force = false): boolean {
    const entry = this.#entries.get(dataId)
    if (!entry) return true
    entry.references--
    if (!force && entry.references > 0) return false
    this.#entries.delete(dataId)
    this.released(entry.held)
    return true
  }

  override incRef(dataId: object): void {
    const entry = this.#entries.get(dataId)
    if (entry) entry.references++
  }

  override refCount(dataId: object): number {
    return this.#entries.get(dataId)?.references ?? 0
  }

  override numDataIds(): number {
    return this.#entries.size
  }

  override floatPrecision(): 16 | 32 {
    return 32
  }

  override epsilon(): number {
    return 1e-7
  }

  override memory() {
    return { unreliable: true }
  }

  override dispose(): void {
    for (const dataId of [...this.#entries.keys()]) this.disposeData(dataId, true)
  }
}
