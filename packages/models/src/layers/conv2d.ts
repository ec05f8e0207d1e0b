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
  if (tf.getBackend() === 'tensorflow') {
    if (isPointwise(filter, strides)) return product(x, filter, bias, frozen)
    const parts = nativeParts(x, filter, strides)
    if (parts > 1) return inParts(x, filter, bias, { strides, pad, parts, frozen })
  }
  const run = (input: tf.Tensor4D): tf.Tensor4D => tf.fused.conv2d({ x: input, filter, bias, strides, pad })
  if (!frozen) return run(x)
  // the library's own gradient computes that of the filter too, wanted or not
  const { shape } = x
  return tf.customGrad((input) => ({
    value: run(input as tf.Tensor4D),
    gradFunc: (dy: tf.Tensor) => tf.conv2dTranspose(dy as tf.Tensor4D, filter, shape, strides, pad),
  }))(x) as tf.Tensor4D
}

function isPointwise({ shape: [height, width] }: tf.Tensor4D, strides: number): boolean {
  return height === 1 && width === 1 && strides === 1
}

/**
 * A 1×1 convolution as a product of matrices, which it is. The native library's own kernel for it divides by the size of
 * the processor's caches, and ends the program on virtual machines that do not tell that size.
 */
export function product(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  bias: tf.Tensor1D,
  frozen: boolean,
): tf.Tensor4D {
  const [, , inputs, outputs] = filter.shape
  const [batch, height, width] = x.shape
  const matrix = () => tf.reshape<tf.Rank.R2>(filter, [inputs, outputs])
  const run = (input: tf.Tensor) =>
    tf.reshape(tf.fused.matMul({ a: tf.reshape(input, [-1, inputs]) as tf.Tensor2D, b: matrix(), bias }), [
      batch,
      height,
      width,
      outputs,
    ]) as tf.Tensor4D
  if (!frozen) return run(x)
  return tf.customGrad((input) => ({
    value: run(input as tf.Tensor),
    gradFunc: (dy: tf.Tensor) =>
      tf.reshape(tf.matMul(tf.reshape(dy, [-1, outputs]) as tf.Tensor2D, matrix(), false, true), x.shape),
  }))(x) as tf.Tensor4D
}

/** The library computes by its plainest loops, a hundred times slower, what it would need more than 1 GiB for. */
const mostUnrolled = 900 * 2 ** 20

/** Into how many parts the inputs of a convolution are split, so that k² numbers for each of a part have room. */
export function nativeParts(
  { shape: [, height, width, inputs] }: tf.Tensor4D,
  { shape: [rows, columns] }: tf.Tensor4D,
  strides: number,
): number {
  const places = (height * width) / strides ** 2
  return Math.ceil((4 * places * rows * columns * inputs) / mostUnrolled)
}

/** A convolution as the sum of convolutions of some input channels each. */
export function inParts(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  bias: tf.Tensor1D,
  { strides, pad, parts, frozen }: Convolution & { parts: number; frozen: boolean },
): tf.Tensor4D {
  const [batch, height, width, inputs] = x.shape
  const [rows, columns, , outputs] = filter.shape
  const size = Math.ceil(inputs / parts)
  const ranges = Array.from({ length: Math.ceil(inputs / size) }, (_, i) => {
    const from = i * size
    const length = Math.min(size, inputs - from)
    return {
      from,
      length,
      filter: () => tf.slice4d(filter, [0, 0, from, 0], [rows, columns, length, outputs]),
    }
  })
  const run = (input: tf.Tensor4D): tf.Tensor4D =>
    tf.tidy(() =>
      ranges
        .map(({ from, length, filter: part }, i) => {
          const channels = tf.slice4d(input, [0, 0, 0, from], [batch, height, width, length])
          const options = { x: channels, filter: part(), strides, pad }
          return tf.fused.conv2d(i === 0 ? { ...options, bias } : options)
        })
        .reduce((sum, part) => tf.add(sum, part)),
    )
  if (!frozen) return run(x)
  return tf.customGrad((input) => ({
    value: run(input as tf.Tensor4D),
    gradFunc: (dy: tf.Tensor) =>
      tf.concat(
        ranges.map(({ length, filter: part }) =>
          tf.conv2dTranspose(dy as tf.Tensor4D, part(), [batch, height, width, length], strides, pad),
        ),
        3,
      ),
  }))(x) as tf.Tensor4D
}
