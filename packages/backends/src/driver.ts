import type { BackendFaultError, BackendLostError } from './errors.ts'

/**
 * What a driver tells about the backend that it started.
 */
export interface BackendInfo {
  /** Name that `tf.getBackend()` gives: `tensorflow`, `wasm`, `cpu`, `webgpu`. */
  readonly backend: string
  /** One line for people: library version, device, threads. */
  readonly description: string
  /** Fused kernels that are registered for it, by name. */
  readonly kernels: readonly string[]
  /** Whether gradients of every operation of the networks run: what training needs. */
  readonly trains: boolean
  /** Fulfilled when the device is lost, with what happened: its tensors are gone. Only where that can happen. */
  readonly lost?: Promise<BackendLostError>
  /**
   * Fulfilled at the first error of the device that no call throws: memory that it has not, a program that it refuses. It
   * computes on, and what it has computed since may be wrong. Only where that can happen.
   */
  readonly faulty?: Promise<BackendFaultError>
}

/**
 * A way to compute. `start` makes it the current backend of `@tensorflow/tfjs-core`, or throws
 * {@link BackendUnavailableError} or any error with a `reason` and an `advice`; `startBackend` and `diagnose` then put
 * the engine back as it was.
 */
export interface BackendDriver {
  readonly name: string
  /** What it needs, in a few words. */
  readonly needs: string
  start(): Promise<BackendInfo>
}
