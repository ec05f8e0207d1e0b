import * as tf from '@tensorflow/tfjs-core'
import { numbersOn, scattered, scatteredTensor } from '../on-each-backend.fixture.ts'

/** Attention over `[B, T, 3 heads width]`. */
export interface Attention {
  readonly batch: number
  readonly length: number
  readonly heads: number
  readonly width: number
  readonly order: 'legacy' | 'new'
  /** Factor on queries, keys and values: where it is large, one weight is nearly 1 and the others nearly 0. */
  readonly size: number
}

/** Each width and order is a few programs, which take a software card seconds to compile: so most come in one order. */
const regular: Attention[] = [
  { order: 'legacy', batch: 2, length: 16, heads: 2, width: 32, size: 1 },
  { order: 'new', batch: 1, length: 1, heads: 1, width: 1, size: 1 },
  { order: 'legacy', batch: 3, length: 5, heads: 3, width: 7, size: 1 },
  { order: 'new', batch: 1, length: 17, heads: 4, width: 16, size: 30 },
  { order: 'legacy', batch: 1, length: 49, heads: 3, width: 33, size: 1 },
  { order: 'new', batch: 2, length: 101, heads: 1, width: 64, size: 2 },
  { order: 'legacy', batch: 1, length: 200, heads: 2, width: 20, size: 1 },
  { order: 'new', batch: 3, length: 5, heads: 3, width: 7, size: 1 },
]

/** Shapes without a pattern for the same programs, the same in every run. */
const draws = scattered([24], 77)
const random = Array.from({ length: 6 }, (_, i): Attention => {
  const upTo = (draw: number, most: number) =>
    1 + Math.floor(((draws[4 * i + draw] as number) + 1) * 0.5 * most)
  const { order, width } = regular[upTo(3, regular.length) - 1] as Attention
  return { batch: upTo(0, 3), length: upTo(1, 140), heads: upTo(2, 4), width, order, size: 1 }
})

export const attentions = [...regular, ...random]

export const title = ({ order, batch, length, heads, width, size }: Attention) =>
  `${order}, ${batch} × ${length} pixels, ${heads} heads of ${width}, size ${size}`

/** The definition in plain operations, differentiated by the library. */
export function attend(qkv: tf.Tensor3D, { batch, length, heads, width, order }: Attention): tf.Tensor {
  const [axes, part] = order === 'legacy' ? [[heads, 3], 3] : [[3, heads], 2]
  const parted = tf.split(tf.reshape(qkv, [batch, length, ...axes, width]), 3, part)
  const [q, k, v] = parted.map((each) =>
    tf.transpose(tf.reshape(each, [batch, length, heads, width]), [0, 2, 1, 3]),
  ) as [tf.Tensor, tf.Tensor, tf.Tensor]
  const weights = tf.softmax(tf.div(tf.matMul(q, k, false, true), Math.sqrt(width)))
  return tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), [batch, length, heads * width])
}

/** The same in every run. */
export const inputs = ({ batch, length, heads, width, size }: Attention) => ({
  qkv: tf.mul(scatteredTensor<tf.Rank.R3>([batch, length, 3 * heads * width], 1), size) as tf.Tensor3D,
  dy: scatteredTensor<tf.Rank.R3>([batch, length, heads * width], 2),
})

/** What the definition gives, on the `cpu` backend: y, and the gradient of qkv. */
export const expectedOf = (each: Attention) =>
  numbersOn('cpu', () => {
    const { qkv, dy } = inputs(each)
    return [attend(qkv, each), tf.grad((x) => attend(x as tf.Tensor3D, each))(qkv, dy)]
  }) as Promise<[Float32Array, Float32Array]>
