import type { GuidanceContext } from '@guided-diffusion/diffusion'
import * as tf from '@tensorflow/tfjs-core'
import { GuidanceOptionError } from './errors.ts'

/** γ: one number, one a sample, or either as a function of the step. */
export type Scale = number | readonly number[] | ((context: GuidanceContext) => number | readonly number[])

/**
 * γ of this step as a number, or one a sample.
 *
 * @throws GuidanceOptionError unless it is finite and of the right length.
 */
export function scaleAt(scale: Scale, context: GuidanceContext): number | readonly number[] {
  const value = typeof scale === 'function' ? scale(context) : scale
  const [batch] = context.x.shape
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
export function scaleTensor(value: number | readonly number[], rank: number): tf.Tensor {
  if (typeof value === 'number') return tf.scalar(value)
  return tf.tensor(value as number[], [value.length, ...new Array<number>(rank - 1).fill(1)])
}

/** Whether γ takes the whole guidance away. */
export function isZero(value: number | readonly number[]): boolean {
  return typeof value === 'number' ? value === 0 : value.every((each) => each === 0)
}
