import * as tf from '@tensorflow/tfjs-core'
import { type Parameters, parameter } from '../parameters.ts'

interface Convolution {
  readonly strides: 1 | 2
  readonly pad: 'same' | 'valid'
}

/**
 * Convolution with bias that keeps height and width: `[B, H, W, in]` → `[B, H, W, out]`.
 *
 * @param frozen the weights are constants: a gradient then costs that of the input alone.
 */
export function conv2d(
  parameters: Parameters,
  name: string,
  x: tf.Tensor4D,
  { frozen = false }: { frozen?: boolean } = {},
): tf.Tensor4D {
  return convolve(parameters, name, x, { strides: 1, pad: 'same' }, frozen)
}

/**
 * Convolution with stride 2 and one pixel of padding on every side, as the reference has it.
 * TensorFlow's `same` would pad even sizes on the right and bottom only.
 */
export function stridedConv2d(
  parameters: Parameters,
  name: string,
  x: tf.Tensor4D,
  { frozen = false }: { frozen?: boolean } = {},
): tf.Tensor4D {
  const padded = tf.pad(x, [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ])
  return convolve(parameters, name, padded, { strides: 2, pad: 'valid' }, frozen)
}

function convolve(
  parameters: Parameters,
  name: string,
  x: tf.Tensor4D,
  { strides, pad }: Convolution,
  frozen: boolean,
): tf.Tensor4D {
  const filter = parameter<tf.Tensor4D>(parameters, `${name}.weight`)
  const bias = parameter<tf.Tensor1D>(parameters, `${name}.bias`)
  const run = (input: tf.Tensor4D): tf.Tensor4D => tf.fused.conv2d({ x: input, filter, bias, strides, pad })
  if (!frozen) return run(x)
  // the library's own gradient computes that of the filter too, wanted or not
  const { shape } = x
  return tf.customGrad((input) => ({
    value: run(input as tf.Tensor4D),
    gradFunc: (dy: tf.Tensor) => tf.conv2dTranspose(dy as tf.Tensor4D, filter, shape, strides, pad),
  }))(x) as tf.Tensor4D
}
