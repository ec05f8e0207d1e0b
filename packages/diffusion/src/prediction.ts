import * as tf from '@tensorflow/tfjs-core'
import type { Coefficients } from './coefficients.ts'
import type { Prediction } from './diffusion.ts'
import { posteriorMean, xStartFromPrevious } from './posterior.ts'

/** ε behind x_t, given x_0: (x_t − √ᾱ x_0) / √(1−ᾱ), which is x_t itself where ᾱ = 0. */
export function epsilonFromXStart(at: Coefficients, x: tf.Tensor4D, xStart: tf.Tensor4D): tf.Tensor4D {
  return tf.div(tf.sub(x, tf.mul(at.sqrtAlphaCumprod, xStart)), at.sqrtOneMinusAlphaCumprod)
}

/** x_0 behind x_t, given ε: x_t/√ᾱ − √(1/ᾱ − 1) ε. */
export function xStartFromEpsilon(at: Coefficients, x: tf.Tensor4D, epsilon: tf.Tensor4D): tf.Tensor4D {
  return tf.sub(tf.mul(at.sqrtRecipAlphaCumprod, x), tf.mul(at.sqrtRecipm1AlphaCumprod, epsilon))
}

/** x_0 behind x_t, given v: √ᾱ x_t − √(1−ᾱ) v. */
export function xStartFromV(at: Coefficients, x: tf.Tensor4D, v: tf.Tensor4D): tf.Tensor4D {
  return tf.sub(tf.mul(at.sqrtAlphaCumprod, x), tf.mul(at.sqrtOneMinusAlphaCumprod, v))
}

/** x̂_0 from whatever the network predicts. */
export function xStartFromPrediction(
  prediction: Prediction,
  at: Coefficients,
  x: tf.Tensor4D,
  predicted: tf.Tensor4D,
): tf.Tensor4D {
  switch (prediction) {
    case 'epsilon':
      return xStartFromEpsilon(at, x, predicted)
    case 'x-start':
      return predicted
    case 'v':
      return xStartFromV(at, x, predicted)
    case 'previous-x':
      return xStartFromPrevious(at, predicted, x)
  }
}

/**
 * What the network should have predicted for x_t = √ᾱ x_0 + √(1−ᾱ) ε.
 *
 * @see Salimans & Ho 2022, section 4 (v), https://arxiv.org/abs/2202.00512
 */
export function predictionTarget(
  prediction: Prediction,
  at: Coefficients,
  truth: { readonly xStart: tf.Tensor4D; readonly x: tf.Tensor4D; readonly noise: tf.Tensor4D },
): tf.Tensor4D {
  switch (prediction) {
    case 'epsilon':
      return truth.noise
    case 'x-start':
      return truth.xStart
    case 'v':
      return tf.sub(
        tf.mul(at.sqrtAlphaCumprod, truth.noise),
        tf.mul(at.sqrtOneMinusAlphaCumprod, truth.xStart),
      )
    case 'previous-x':
      return posteriorMean(at, truth.xStart, truth.x)
  }
}
