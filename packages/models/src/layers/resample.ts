import * as tf from '@tensorflow/tfjs-core'

const pool = (x: tf.Tensor4D) => tf.avgPool(x, 2, 2, 'valid')
const repeat = (x: tf.Tensor4D) => tf.image.resizeNearestNeighbor(x, [2 * x.shape[1], 2 * x.shape[2]])

/**
 * Mean over 2×2 pixels: `[B, H, W, C]` → `[B, H/2, W/2, C]`.
 * Its gradient is a quarter of the repeated one, said directly since not every backend has the pooling gradient.
 */
export function averagePool(x: tf.Tensor4D): tf.Tensor4D {
  return tf.customGrad((input) => {
    const value = pool(input as tf.Tensor4D)
    return { value, gradFunc: (dy: tf.Tensor) => tf.mul(repeat(dy as tf.Tensor4D), 0.25) }
  })(x) as tf.Tensor4D
}

/** Each pixel repeated 2×2: `[B, H, W, C]` → `[B, 2H, 2W, C]`. The gradient sums them. */
export function repeatPixels(x: tf.Tensor4D): tf.Tensor4D {
  return tf.customGrad((input) => {
    const value = repeat(input as tf.Tensor4D)
    return { value, gradFunc: (dy: tf.Tensor) => tf.mul(pool(dy as tf.Tensor4D), 4) }
  })(x) as tf.Tensor4D
}
