import * as tf from '@tensorflow/tfjs-core'
import { type Parameters, parameter } from '../parameters.ts'

/** Convolution with bias that keeps height and width: `[B, H, W, in]` → `[B, H, W, out]`. */
export function conv2d(parameters: Parameters, name: string, x: tf.Tensor4D): tf.Tensor4D {
  return tf.fused.conv2d({
    x,
    filter: parameter<tf.Tensor4D>(parameters, `${name}.weight`),
    bias: parameter(parameters, `${name}.bias`),
    strides: 1,
    pad: 'same',
  })
}

/**
 * Convolution with stride 2 and one pixel of padding on every side, as the reference has it.
 * TensorFlow's `same` would pad even sizes on the right and bottom only.
 */
export function stridedConv2d(parameters: Parameters, name: string, x: tf.Tensor4D): tf.Tensor4D {
  const padded = tf.pad(x, [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ])
  return tf.fused.conv2d({
    x: padded,
    filter: parameter<tf.Tensor4D>(parameters, `${name}.weight`),
    bias: parameter(parameters, `${name}.bias`),
    strides: 2,
    pad: 'valid',
  })
}
