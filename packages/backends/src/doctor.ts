import * as tf from '@tensorflow/tfjs-core'
import type { BackendDriver, BackendInfo } from './driver.ts'
import { engineState, restoreEngine } from './engine-state.ts'
import { asUnavailable } from './errors.ts'

/** What {@link diagnose} found out about one driver. */
export type Diagnosis = AvailableBackend | UnavailableBackend

export interface AvailableBackend extends BackendInfo {
  readonly available: true
  /** Name of the driver. */
  readonly name: string
  /** What it needs, in a few words. */
  readonly needs: string
}

export interface UnavailableBackend {
  readonly available: false
  readonly name: string
  readonly needs: string
  /** Why it can't run here. */
  readonly reason: string
  /** What would help. */
  readonly advice: string
}

/**
 * Starts each driver in turn, tells what came of it, and frees it again. The engine is left as it was: the same
 * backend is current and its tensors live. Must not run beside other work of the engine.
 *
 * @example
 * for (const each of await diagnose([tensorflow(), wasm(), cpu()])) {
 *   console.log(each.name, each.available ? each.description : `${each.reason}. ${each.advice}`)
 * }
 */
export async function diagnose(drivers: readonly BackendDriver[]): Promise<Diagnosis[]> {
  tf.env().set('PROD', true)
  const diagnoses: Diagnosis[] = []
  for (const driver of drivers) {
    const before = engineState()
    diagnoses.push(await tryDriver(driver))
    await restoreEngine(before)
  }
  return diagnoses
}

async function tryDriver(driver: BackendDriver): Promise<Diagnosis> {
  const { name, needs } = driver
  try {
    return { ...(await driver.start()), available: true, name, needs }
  } catch (error) {
    const unavailable = asUnavailable(name, error)
    if (unavailable) {
      return { available: false, name, needs, reason: unavailable.reason, advice: unavailable.advice }
    }
    const reason = `its driver failed with "${String((error as Error)?.message ?? error)}"`
    return { available: false, name, needs, reason, advice: 'Start it alone to see where that comes from.' }
  }
}
