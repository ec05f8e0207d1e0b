import * as tf from '@tensorflow/tfjs-core'
import type { BackendDriver, BackendInfo } from './driver.ts'
import { engineState, restoreEngine } from './engine-state.ts'
import { asUnavailable, type BackendUnavailableError, NoBackendError } from './errors.ts'
import { registerGradients } from './gradients.ts'

/** The backend that runs, and why those before it don't. */
export interface BackendReport extends BackendInfo {
  /** Name of the driver. */
  readonly name: string
  readonly skipped: readonly BackendUnavailableError[]
}

/**
 * Starts the first driver that can run and makes it the current backend of TensorFlow.js, with the gradients
 * of all operations registered. The only call of this project that changes the engine. A driver that can't run
 * leaves it as it was.
 *
 * @example
 * const backend = await startBackend([tensorflow(), wasm(), cpu()])
 * console.log(backend.name, backend.description)
 *
 * @throws NoBackendError with every reason if none can run.
 */
export async function startBackend(drivers: readonly BackendDriver[]): Promise<BackendReport> {
  // else TensorFlow.js prints a banner at the first operation
  tf.env().set('PROD', true)
  const skipped: BackendUnavailableError[] = []
  for (const driver of drivers) {
    const before = engineState()
    try {
      const info = await driver.start()
      await registerGradients()
      return { ...info, name: driver.name, skipped }
    } catch (error) {
      await restoreEngine(before)
      const unavailable = asUnavailable(driver.name, error)
      if (!unavailable) throw error
      skipped.push(unavailable)
    }
  }
  throw new NoBackendError({ tried: skipped })
}
