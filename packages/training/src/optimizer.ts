import type * as tf from '@tensorflow/tfjs-core'

/** What an optimiser remembers: vectors as long as the parameters. Scalars follow from the step. */
export type Moments = readonly tf.Tensor1D[]

/** One step on the vector of all parameters. Pure: arguments are lent, results are yours. */
export interface Optimizer {
  /** Moments before the first step. */
  init(parameters: tf.Tensor1D): Moments
  /**
   * @param step 1 for the first update.
   * @param factor multiplies the learning rate (warm-up, annealing).
   */
  update(input: {
    readonly parameters: tf.Tensor1D
    readonly gradient: tf.Tensor1D
    readonly moments: Moments
    readonly step: number
    readonly factor: number
  }): { readonly parameters: tf.Tensor1D; readonly moments: Moments }
  /** The learning rate at factor 1, for the log. */
  readonly learningRate: number
}
