import type { GuidanceContext } from '@guided-diffusion/diffusion'
import * as tf from '@tensorflow/tfjs-core'
import { GuidanceOptionError } from './errors.ts'

/** γ of a step: one number, one a sample, or a tensor `[B]`, which is lent and may be anything finite. */
export type StepScale = number | readonly number[] | tf.Tensor1D

/**
 * γ: one number, one a sample, or a function of the step. Where that takes a tensor out of `given` of the context, a step
 * that runs as a graph is not traced anew when γ changes.
 */
export type Scale = number | readonly number[] | ((context: GuidanceContext) => StepScale)

/**
 * γ of this step.
 *
 * @throws GuidanceOptionError unless it is finite and of the right length.
 */
export function scaleAt(scale: Scale, context: GuidanceContext): StepScale {
  const value = typeof scale === 'function' ? scale(context) : scale
  const [batch] = context.x.shape
  if (value instanceof tf.Tensor) {
    if (value.rank === 1 && value.shape[0] === batch) return value
    throw new GuidanceOptionError({
      option: "the shape of scale's tensor",
      value: value.shape,
      expected: `[${batch}]: one number a sample`,
      advice: 'Give a tensor of one axis with as many scales as images.',
    })
  }
  const numbers = typeof value === 'number' ? [value] : value
  if (!numbers.every(Number.isFinite)) {
    throw new GuidanceOptionError({
      option: 'scale',
      value,
      expected: 'finite numbers',
      advice: 'γ = 0 is no guidance, 1 the plain distribution, more sharpens it.',
    })
  }
  if (typeof value === 'number' || value.length === batch) return value
  throw new GuidanceOptionError({
    option: 'scale',
    value,
    expected: `one number, or ${batch}: one a sample`,
    advice: 'Give as many scales as images.',
  })
}

/** γ as a tensor that multiplies `[B, …]` of the given rank. */
export function scaleTensor(value: StepScale, rank: number): tf.Tensor {
  if (value instanceof tf.Tensor) return tf.reshape(value, [-1, ...new Array<number>(rank - 1).fill(1)])
  if (typeof value === 'number') return tf.scalar(value)
  return tf.tensor(value as number[], [value.length, ...new Array<number>(rank - 1).fill(1)])
}

/** Whether γ is known to take the whole guidance away. */
export function isZero(value: StepScale): boolean {
  if (value instanceof tf.Tensor) return false
  return typeof value === 'number' ? value === 0 : value.every((each) => each === 0)
}
