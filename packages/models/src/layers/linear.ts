import * as tf from '@tensorflow/tfjs-core'
import { type Parameters, parameter } from '../parameters.ts'

/** y = x W + b over the last axis: `[N, in]` → `[N, out]`. */
export function linear(parameters: Parameters, name: string, x: tf.Tensor2D): tf.Tensor2D {
  const weight = parameter<tf.Tensor2D>(parameters, `${name}.weight`)
  return tf.add(tf.matMul(x, weight), parameter(parameters, `${name}.bias`))
}

/** The same on `[B, T, in]`: the reference's convolutions of width 1 over a sequence. */
export function pointwise(parameters: Parameters, name: string, x: tf.Tensor3D): tf.Tensor3D {
  const [batch, length, width] = x.shape
  const y = linear(parameters, name, tf.reshape(x, [batch * length, width]))
  return tf.reshape(y, [batch, length, y.shape[1]])
}
