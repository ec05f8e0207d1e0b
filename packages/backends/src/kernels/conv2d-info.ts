/** Sizes and padding of convolutions, as TensorFlow.js computes them. */
import * as tf from '@tensorflow/tfjs-core'

export type Conv2DInfo = ReturnType<typeof tf.backend_util.computeConv2DInfo>
export type Shape4D = [number, number, number, number]

/** Of a convolution without dilation, from the attributes of its kernel or of a gradient's. */
export function convolution(input: Shape4D, filter: Shape4D, attrs: Record<string, unknown>): Conv2DInfo {
  const { strides, pad, dimRoundingMode } = attrs as {
    strides: number | [number, number]
    pad: 'same' | 'valid' | number
    dimRoundingMode?: 'floor' | 'round' | 'ceil'
  }
  return tf.backend_util.computeConv2DInfo(input, filter, strides, 1, pad, dimRoundingMode)
}
