import * as tf from '@tensorflow/tfjs-core'
import { type Parameters, parameter } from '../parameters.ts'
import { qkvAttention } from './attention.ts'
import { linear, pointwise } from './linear.ts'

/**
 * Attention pooling: the mean pixel is put before the sequence, a position is added to each, and what the mean
 * attends to is projected. `[B, H, W, C]` → `[B, out]`.
 *
 * @see Radford et al. 2021 (CLIP), section 2.4, https://arxiv.org/abs/2103.00020
 */
export function attentionPool(
  parameters: Parameters,
  name: string,
  x: tf.Tensor4D,
  heads: number,
): tf.Tensor2D {
  const [batch, height, width, channels] = x.shape
  const pixels = tf.reshape(x, [batch, height * width, channels]) as tf.Tensor3D
  const sequence = tf.concat([tf.mean(pixels, 1, true) as tf.Tensor3D, pixels], 1)
  const positions = parameter<tf.Tensor2D>(parameters, `${name}.positional_embedding`)
  const qkv = pointwise(parameters, `${name}.qkv_proj`, tf.add(sequence, positions))
  const mixed = qkvAttention(qkv, heads, 'new')
  const first = tf.reshape(tf.slice(mixed, [0, 0, 0], [batch, 1, channels]), [batch, channels]) as tf.Tensor2D
  return linear(parameters, `${name}.c_proj`, first)
}
