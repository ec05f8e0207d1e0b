import * as tf from '@tensorflow/tfjs-core'

/** A convolution, `[B, H, W, C]` with a filter `[KH, KW, C, D]`. */
export interface Convolution {
  readonly x: [number, number, number, number]
  readonly filter: [number, number, number, number]
  readonly strides: number | [number, number]
  /** Explicit: the library's own arithmetic for a single number is wrong for filters that are not square. */
  readonly pad: 'same' | 'valid' | tf.backend_util.ExplicitPadding
}

const oneEach: tf.backend_util.ExplicitPadding = [
  [0, 0],
  [1, 1],
  [1, 1],
  [0, 0],
]
const lopsided: tf.backend_util.ExplicitPadding = [
  [0, 0],
  [0, 1],
  [2, 0],
  [0, 0],
]

/** Filters of all kinds on images of all kinds. */
const convolutions: Convolution[] = [
  ...(['same', 'valid', oneEach, lopsided] as const).flatMap((pad) =>
    ([1, 2, 3, [1, 2], [2, 1]] as const).flatMap((strides) =>
      ([1, 2, 3, 5] as const).flatMap((size) => {
        const common = { strides: strides as Convolution['strides'], pad }
        return [
          { ...common, x: [2, 7, 6, 3], filter: [size, size, 3, 4] } as Convolution,
          { ...common, x: [1, 8, 9, 2], filter: [size, 3, 2, 1] } as Convolution,
        ]
      }),
    ),
  ),
  // more images than the products of one chunk hold, and not a multiple of them
  { x: [5, 20, 20, 3], filter: [3, 3, 3, 64], strides: 1, pad: 'same' },
  { x: [7, 16, 16, 32], filter: [1, 1, 32, 48], strides: 1, pad: 'same' },
  { x: [1, 40, 40, 2], filter: [5, 3, 2, 50], strides: 1, pad: 'same' },
]

export const title = ({ x, filter, strides, pad }: Convolution) =>
  `[${x}] with [${filter}], strides ${strides}, padding ${JSON.stringify(pad)}`

/** Every pair of an input and an output pixel that share a tap, once a tap; by the definition. */
function eachTap(
  { x, filter, strides, pad }: Convolution,
  visit: (at: { input: number; output: number; tap: number }) => void,
): void {
  const info = tf.backend_util.computeConv2DInfo(x, filter, strides, 1, pad)
  for (let image = 0; image < info.batchSize; image++) {
    for (let i = 0; i < info.outHeight; i++) {
      for (let j = 0; j < info.outWidth; j++) {
        const output = (image * info.outHeight + i) * info.outWidth + j
        for (let tap = 0; tap < info.filterHeight * info.filterWidth; tap++) {
          const row = i * info.strideHeight + Math.floor(tap / info.filterWidth) - info.padInfo.top
          const column = j * info.strideWidth + (tap % info.filterWidth) - info.padInfo.left
          if (row < 0 || row >= info.inHeight || column < 0 || column >= info.inWidth) continue
          visit({ input: (image * info.inHeight + row) * info.inWidth + column, output, tap })
        }
      }
    }
  }
}

/** y, in float64. */
export function convolve(
  convolution: Convolution,
  { x, filter }: Record<'x' | 'filter', Float32Array>,
): Float64Array {
  const [, , channels, out] = convolution.filter
  const y = new Float64Array(tf.util.sizeFromShape(outputShape(convolution)))
  eachTap(convolution, ({ input, output, tap }) => {
    for (let c = 0; c < channels; c++) {
      for (let d = 0; d < out; d++) {
        const product =
          (x[input * channels + c] as number) * (filter[(tap * channels + c) * out + d] as number)
        y[output * out + d] = (y[output * out + d] as number) + product
      }
    }
  })
  return y
}

/** The gradients of Σ y · dy, in float64. */
export function gradients(
  convolution: Convolution,
  { x, filter, dy }: Record<'x' | 'filter' | 'dy', Float32Array>,
): { dx: Float64Array; dFilter: Float64Array } {
  const [, , channels, out] = convolution.filter
  const [dx, dFilter] = [new Float64Array(x.length), new Float64Array(filter.length)]
  eachTap(convolution, ({ input, output, tap }) => {
    for (let c = 0; c < channels; c++) {
      for (let d = 0; d < out; d++) {
        const [i, o, w] = [input * channels + c, output * out + d, (tap * channels + c) * out + d]
        dx[i] = (dx[i] as number) + (filter[w] as number) * (dy[o] as number)
        dFilter[w] = (dFilter[w] as number) + (x[i] as number) * (dy[o] as number)
      }
    }
  })
  return { dx, dFilter }
}

export const outputShape = ({ x, filter, strides, pad }: Convolution) =>
  tf.backend_util.computeConv2DInfo(x, filter, strides, 1, pad).outShape

/**
 * What a backend can differentiate at all: native TensorFlow no explicit padding, and its library (2.21, oneDNN) ends the
 * process on some filters of one pixel and on some unequal strides.
 */
export const convolutionsOn = (backend: string) =>
  convolutions
    .filter((each) => backend !== 'tensorflow' || isNative(each))
    .map((each) => ({ ...each, title: title(each) }))

const isNative = ({ pad, strides, filter: [height] }: Convolution) =>
  typeof pad === 'string' && typeof strides === 'number' && height > 1
