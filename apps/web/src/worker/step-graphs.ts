/** Steps as graphs, kept from run to run of one model: to make one takes longer than to sample some steps with it. */
import { type CompiledSteps, compiledSteps, type GraphRuntime } from '@guided-diffusion/compile'
import type * as tf from '@tensorflow/tfjs-core'

export interface StepGraphs {
  /** The steps of a runtime: the same as long as the runtime is. */
  of(runtime: GraphRuntime): CompiledSteps
  /** Frees the graph that is kept. */
  dispose(): void
}

/**
 * Graphs of steps that use these weights, one record a network. Only that of the latest step is kept, since each has a copy of
 * the weights: a step of another form takes its place.
 */
export function stepGraphs(weights: readonly Readonly<Record<string, tf.Tensor>>[]): StepGraphs {
  let kept: { readonly runtime: GraphRuntime; readonly steps: CompiledSteps } | undefined
  const dispose = () => {
    // a runtime that does not give a graph back has failed, and is told of by who ran it
    kept?.steps.dispose().catch(() => undefined)
    kept = undefined
  }
  return {
    of: (runtime) => {
      if (kept?.runtime !== runtime) {
        dispose()
        kept = { runtime, steps: compiledSteps({ runtime, weights, keep: 1 }) }
      }
      return kept.steps
    },
    dispose,
  }
}
