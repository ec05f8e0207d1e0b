import type { ParameterSpec } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import type { FlatLayout } from './flat.ts'
import type { Moments } from './optimizer.ts'

/** Everything a run needs to go on exactly where it stood. */
export interface TrainingState {
  /** Finished steps. */
  readonly step: number
  /** Images seen. */
  readonly samples: number
  readonly specs: readonly ParameterSpec[]
  readonly layout: FlatLayout
  /** All parameters, in the order of the layout. */
  readonly parameters: tf.Tensor1D
  readonly moments: Moments
  readonly averages: readonly { readonly decay: number; readonly vector: tf.Tensor1D }[]
  /** What the timestep sampler has learned. */
  readonly timesteps: Float64Array
}

const tensorsOf = (state: TrainingState) => [
  state.parameters,
  ...state.moments,
  ...state.averages.map(({ vector }) => vector),
]

/** A copy. Yours. */
export function cloneState(state: TrainingState): TrainingState {
  return {
    ...state,
    parameters: tf.clone(state.parameters),
    moments: state.moments.map((moment) => tf.clone(moment)),
    averages: state.averages.map(({ decay, vector }) => ({ decay, vector: tf.clone(vector) })),
    timesteps: state.timesteps.slice(),
  }
}

/** Frees a state's tensors. */
export function disposeState(state: TrainingState): void {
  tf.dispose(tensorsOf(state))
}
