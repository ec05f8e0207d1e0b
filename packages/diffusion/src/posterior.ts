import * as tf from '@tensorflow/tfjs-core'
import type { Coefficients } from './coefficients.ts'

/**
 * Mean of q(x_{t−1} | x_t, x_0): c₁ x_0 + c₂ x_t. Its log variance is `Coefficients.posteriorLogVariance`.
 *
 * @see Ho et al. 2020, eq. 7, https://arxiv.org/abs/2006.11239
 */
export function posteriorMean(at: Coefficients, xStart: tf.Tensor4D, x: tf.Tensor4D): tf.Tensor4D {
  return tf.add(tf.mul(at.posteriorMeanCoef1, xStart), tf.mul(at.posteriorMeanCoef2, x))
}

/** x_0 whose posterior mean is `previous`: (x_{t−1} − c₂ x_t) / c₁. */
export function xStartFromPrevious(at: Coefficients, previous: tf.Tensor4D, x: tf.Tensor4D): tf.Tensor4D {
  return tf.div(tf.sub(previous, tf.mul(at.posteriorMeanCoef2, x)), at.posteriorMeanCoef1)
}
