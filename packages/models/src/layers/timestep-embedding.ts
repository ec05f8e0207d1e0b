import * as tf from '@tensorflow/tfjs-core'
import { sineAndCosine } from './sine.ts'

// 2π = turn + turnRest; turn has 8 significant bits, so that n · turn is exact for n < 2¹⁶
const turn = 6.28125
const turnRest = 2 * Math.PI - turn

/**
 * Sinusoidal embedding of timesteps: `[B]` → `[B, width]`.
 *
 * [cos(t ω_0), …, cos(t ω_{h−1}), sin(t ω_0), …],  ω_i = period^(−i/h),  h = ⌊width / 2⌋; an odd width ends in 0.
 *
 * Frequencies are rounded as the reference's float32 arithmetic does: at t = 1000 one unit in the last place moves
 * an angle by 6e-5. Angles are brought into one turn first.
 *
 * @see Vaswani et al. 2017, section 3.5, https://arxiv.org/abs/1706.03762
 */
export function timestepEmbedding(t: tf.Tensor1D, width: number, period = 10_000): tf.Tensor2D {
  const half = Math.floor(width / 2)
  const rate = Math.fround(-Math.log(period))
  const frequencies = Float32Array.from({ length: half }, (_, i) =>
    Math.exp(Math.fround(Math.fround(rate * i) / half)),
  )
  const angles = tf.mul(tf.reshape(tf.cast(t, 'float32'), [-1, 1]), tf.tensor2d(frequencies, [1, half]))
  const turns = tf.round(tf.mul(angles, 1 / (2 * Math.PI)))
  const reduced = tf.sub(tf.sub(angles, tf.mul(turns, turn)), tf.mul(turns, turnRest))
  const { sine, cosine } = sineAndCosine(reduced)
  const embedding = tf.concat([cosine, sine], 1) as tf.Tensor2D
  return width % 2 === 0
    ? embedding
    : tf.pad(embedding, [
        [0, 0],
        [0, 1],
      ])
}
