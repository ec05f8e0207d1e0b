import type { Value } from './graph.ts'
import type { DeviceArray, SessionArray } from './session.ts'

/** A tensor of the runtime. */
export interface RuntimeTensor {
  readonly location: string
  readonly dims: readonly number[]
  /** Only where the location is the processor's memory. */
  readonly data: unknown
  dispose(): void
}

/** What brings numbers back that lie on a runtime's device. One for all sessions that share the device. */
export type Download<T> = (tensor: T, value: Value) => Promise<SessionArray>

/** Numbers that a session left on its device. The runtime wants each freed before the session, and not while it is read. */
export class HeldArray<T extends RuntimeTensor> implements DeviceArray {
  readonly download: Download<T>
  readonly #value: Value
  readonly #live: Set<HeldArray<T>>
  #tensor: T | undefined
  #reading: Promise<SessionArray> | undefined

  /** @param live arrays of the session that are on the device: this one is of them until it is freed. */
  constructor(tensor: T, value: Value, options: { download: Download<T>; live: Set<HeldArray<T>> }) {
    this.download = options.download
    this.#live = options.live
    this.#live.add(this)
    this.#value = value
    this.#tensor = tensor
  }

  /** Undefined once it has left the device. */
  get tensor(): T | undefined {
    return this.#tensor
  }

  async read(): Promise<SessionArray> {
    if (!this.#reading) {
      this.#reading = this.download(this.#tensor as T, this.#value)
      this.#reading.catch(() => {
        this.#reading = undefined
      })
    }
    return this.#reading
  }

  dispose(): void {
    void this.#free()
  }

  /** Brings the numbers to the processor's memory and frees those on the device. */
  async leave(): Promise<void> {
    await this.read()
    await this.#free()
  }

  async #free(): Promise<void> {
    const tensor = this.#tensor
    if (!tensor) return
    this.#tensor = undefined
    await this.#reading?.catch(() => {})
    tensor.dispose()
    this.#live.delete(this)
  }
}
