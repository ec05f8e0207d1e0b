import type { Guidance, GuidanceContext } from '@guided-diffusion/diffusion'
import * as tf from '@tensorflow/tfjs-core'
import { GuidanceOptionError } from './errors.ts'
import { isZero, type Scale, scaleAt, scaleTensor } from './scale.ts'

/**
 * All pulls at once: the gradient of a product of densities. `sum()` of none is no guidance.
 */
export function sum(...guidances: readonly Guidance[]): Guidance {
  return (context) =>
    tf.tidy(() =>
      guidances.reduce<tf.Tensor4D>(
        (total, guidance) => tf.add(total, guidance(context)),
        tf.zerosLike(context.x),
      ),
    )
}

/**
 * A pull in a part of the run only, from `from` to `to` of its way (0 the noise, 1 the image).
 *
 * @throws GuidanceOptionError unless 0 ≤ from ≤ to ≤ 1.
 * @see Kynkäänniemi et al. 2024, https://arxiv.org/abs/2404.07724
 */
export function during(
  { from = 0, to = 1 }: { readonly from?: number; readonly to?: number },
  guidance: Guidance,
): Guidance {
  if (!(from >= 0 && from <= to && to <= 1)) {
    throw new GuidanceOptionError({
      option: 'interval',
      value: { from, to },
      expected: '0 ≤ from ≤ to ≤ 1',
      advice: 'The run begins with noise at 0 and ends with the image at 1.',
    })
  }
  return (context) => {
    const way = context.index / context.total
    return way >= from && (way < to || to === 1) ? guidance(context) : tf.zerosLike(context.x)
  }
}

/** A pull times a factor: one number, one a sample, or either as a function of the step. */
export function scaleBy(scale: Scale, guidance: Guidance): Guidance {
  return (context: GuidanceContext) => {
    const factor = scaleAt(scale, context)
    if (isZero(factor)) return tf.zerosLike(context.x)
    return tf.tidy(() => tf.mul(guidance(context), scaleTensor(factor, 4)) as tf.Tensor4D)
  }
}
