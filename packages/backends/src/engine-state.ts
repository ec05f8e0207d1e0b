/**
 * Which backends TensorFlow.js has started and which is current: remembered, and put back.
 */
import * as tf from '@tensorflow/tfjs-core'

/** What {@link restoreEngine} puts back. */
export interface EngineState {
  /** The current backend, if one was chosen. */
  readonly current: string | undefined
  /** Those that hold memory. */
  readonly started: ReadonlySet<string>
}

export function engineState(): EngineState {
  const engine = tf.engine()
  return { current: engine.backendName ?? undefined, started: new Set(Object.keys(engine.registry)) }
}

/** Frees the backends that were started since, and makes the former one current. */
export async function restoreEngine(state: EngineState): Promise<void> {
  const engine = tf.engine()
  for (const name of new Set([...Object.keys(engine.registry), engine.backendName ?? ''])) {
    if (name !== '' && !state.started.has(name)) forget(name)
  }
  if (state.current !== undefined && state.current !== engine.backendName) await tf.setBackend(state.current)
}

/** Frees a backend but keeps it registered, so that it can be started again. */
function forget(name: string): void {
  const entry = tf.engine().registryFactory[name]
  if (!entry) return
  tf.removeBackend(name)
  tf.registerBackend(name, entry.factory, entry.priority)
}
