import * as tf from '@tensorflow/tfjs-core'
import type { Parameters } from '../parameters.ts'
import type { AttentionOrder } from '../unet-config.ts'
import { groupNorm } from './group-norm.ts'
import { pointwise } from './linear.ts'

/**
 * Self-attention over pixels with a residual: x + proj(attention(qkv(norm(x)))), `[B, H, W, C]`.
 */
export function attention(
  parameters: Parameters,
  name: string,
  x: tf.Tensor4D,
  { heads, order }: { heads: number; order: AttentionOrder },
): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape
  const normalized = groupNorm(parameters, `${name}.norm`, x, 'linear')
  const sequence = tf.reshape(normalized, [batch, height * width, channels]) as tf.Tensor3D
  const mixed = qkvAttention(pointwise(parameters, `${name}.qkv`, sequence), heads, order)
  const projected = pointwise(parameters, `${name}.proj_out`, mixed)
  return tf.add(x, tf.reshape(projected, x.shape))
}

/**
 * softmax(q kᵀ / √c) v for each head of width c: `[B, T, 3C]` → `[B, T, C]`.
 *
 * `legacy` has the channels as head × (q, k, v) × c, `new` as (q, k, v) × head × c. A backend that has the fused kernels
 * `GuidedAttention` and `GuidedAttentionGrad` runs those; elsewhere the same is composed of plain operations.
 */
export function qkvAttention(qkv: tf.Tensor3D, heads: number, order: AttentionOrder): tf.Tensor3D {
  if (!tf.getKernel('GuidedAttention', tf.getBackend())) return composed(qkv, heads, order)
  const attributes = { heads, order }
  return tf.customGrad((...args) => {
    const [input, save] = args as unknown as [tf.Tensor3D, tf.GradSaveFunc]
    save([input])
    return {
      value: tf.engine().runKernel('GuidedAttention', { qkv: input }, attributes) as tf.Tensor,
      gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) =>
        tf
          .engine()
          .runKernel('GuidedAttentionGrad', { dy, qkv: saved as tf.Tensor }, attributes) as tf.Tensor,
    }
  })(qkv) as tf.Tensor3D
}

function composed(qkv: tf.Tensor3D, heads: number, order: AttentionOrder): tf.Tensor3D {
  const [batch, length, tripled] = qkv.shape
  const channels = tripled / 3
  const width = channels / heads
  const split: tf.Tensor[] =
    order === 'new' || heads === 1
      ? tf.split(qkv, 3, 2)
      : tf.split(tf.reshape(qkv, [batch * length, heads, 3 * width]), 3, 2)
  const perHead = (part: tf.Tensor | undefined) =>
    tf.reshape(tf.transpose(tf.reshape(part as tf.Tensor, [batch, length, heads, width]), [0, 2, 1, 3]), [
      batch * heads,
      length,
      width,
    ]) as tf.Tensor3D
  const [q, k, v] = split.map(perHead) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D]
  // the factor goes to q, the smallest tensor that can carry it
  const weights = tf.softmax(tf.matMul(tf.mul(q, 1 / Math.sqrt(width)), k, false, true))
  const mixed = tf.reshape(tf.matMul(weights, v), [batch, heads, length, width])
  return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, length, channels])
}
