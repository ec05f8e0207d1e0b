import { compile, compiledSteps, type GraphRuntime } from '@guided-diffusion/compile'
import type { StepExecutor } from '@guided-diffusion/diffusion'
import type * as tf from '@tensorflow/tfjs-core'

export type NamedTensors = Readonly<Record<string, tf.Tensor>>

/** How an engine computes a function of named tensors. */
export interface Run {
  (
    fn: (inputs: Record<string, tf.Tensor>) => NamedTensors,
    inputs: NamedTensors,
    weights: NamedTensors,
  ): Promise<NamedTensors>
  /** Where steps of a sampling loop run as a whole: with these networks' weights. */
  readonly steps?: (weights: readonly NamedTensors[]) => StepExecutor
}

/** At once, operation by operation. */
export const eager: Run = async (fn, inputs) => fn({ ...inputs })

/** As graphs. */
export function compiled(runtime: GraphRuntime): Run {
  const run: Run = async (fn, inputs, weights) => {
    const made = await compile(fn, inputs, { runtime, weights })
    try {
      return await made.run(inputs)
    } finally {
      await made.dispose()
    }
  }
  const steps: Run['steps'] = (weights) => compiledSteps({ runtime, weights }).execute
  return Object.assign(run, { steps })
}
