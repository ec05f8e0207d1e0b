import * as tf from '@tensorflow/tfjs-core'
import { type Parameters, parameter } from '../parameters.ts'
import type { Conditioning } from '../unet-config.ts'
import type { LayerPlan } from '../unet-plan.ts'
import { conv2d } from './conv2d.ts'
import type { Dropout } from './dropout.ts'
import { groupNorm } from './group-norm.ts'
import { linear } from './linear.ts'
import { averagePool, repeatPixels } from './resample.ts'
import { silu } from './silu.ts'

export type ResBlockPlan = Extract<LayerPlan, { kind: 'res-block' }>

/**
 * Residual block of BigGAN's form, conditioned on the embedding e `[B, E]`:
 *
 *   h = conv(resample(silu(norm(x)))),   y = resample(x) · skip + conv(dropout(silu(norm(h) ⊙ (1 + s) + b)))
 *
 * with (s, b) = linear(silu(e)); `add` has h + linear(silu(e)) before the norm instead.
 */
export function resBlock(
  parameters: Parameters,
  plan: ResBlockPlan,
  x: tf.Tensor4D,
  context: { embedding: tf.Tensor2D; conditioning: Conditioning; dropout: Dropout; frozen: boolean },
): tf.Tensor4D {
  const { name, out } = plan
  const { frozen } = context
  const resample = { none: (y: tf.Tensor4D) => y, up: repeatPixels, down: averagePool }[plan.resample]
  const activated = groupNorm(parameters, `${name}.in_layers.0`, x, 'silu')
  const hidden = conv2d(parameters, `${name}.in_layers.2`, resample(activated), { frozen })
  const modulation = linear(parameters, `${name}.emb_layers.1`, context.embedding)
  const norm = `${name}.out_layers.0`
  let conditioned: tf.Tensor4D
  if (context.conditioning === 'scale-shift') {
    const [scale, shift] = tf.split(modulation, 2, 1) as [tf.Tensor2D, tf.Tensor2D]
    conditioned = groupNorm(parameters, norm, hidden, 'silu', { scale, shift })
  } else {
    const added: tf.Tensor4D = tf.add(hidden, tf.reshape(modulation, [-1, 1, 1, out]))
    conditioned = groupNorm(parameters, norm, added, 'silu')
  }
  const result = conv2d(parameters, `${name}.out_layers.3`, context.dropout(conditioned), { frozen })
  const carried = resample(x)
  return tf.add(
    plan.in === out ? carried : conv2d(parameters, `${name}.skip_connection`, carried, { frozen }),
    result,
  )
}

/** SiLU of the embedding: the same in every block, so it is computed once. */
export function activateEmbedding(embedding: tf.Tensor2D): tf.Tensor2D {
  return silu(embedding)
}

/** time_embed, plus the class's vector where there is one: `[B, width]` → `[B, E]`. */
export function embed(parameters: Parameters, timesteps: tf.Tensor2D, labels?: tf.Tensor1D): tf.Tensor2D {
  const time = linear(parameters, 'time_embed.2', silu(linear(parameters, 'time_embed.0', timesteps)))
  if (!labels) return time
  const table = parameter<tf.Tensor2D>(parameters, 'label_emb.weight')
  // a product with one-hot rows: its gradient runs on every backend, that of a gather does not
  const rows = tf.cast(tf.oneHot(labels, table.shape[0]), 'float32') as tf.Tensor2D
  return tf.add(time, tf.matMul(rows, table))
}
