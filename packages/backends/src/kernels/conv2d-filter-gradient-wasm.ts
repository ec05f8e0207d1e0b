/**
 * Gradient of a convolution with respect to its filter, which the stock WebAssembly backend lacks:
 *
 *   dw[i, j] = Σ_{image, y, x} x[s·y + i − p, s·x + j − p]ᵀ dy[y, x]
 *
 * With stride 1 and equal padding it is one matrix product a tap: pixels in a row, with zeros between image rows and
 * between images, so that a tap is nothing but another beginning of the same row. Else it is a convolution in which
 * channels and images change places and dy is the filter, dilated by the stride.
 */
import type * as tf from '@tensorflow/tfjs-core'
import { type Conv2DInfo, convolution, type Shape4D } from './conv2d-info.ts'
import { keepsSize } from './conv2d-input-gradient-wasm.ts'
import { multiplication } from './matmul-wasm.ts'
import {
  addressOf,
  addWasmKernel,
  runWasmKernel,
  values,
  type WasmBackend,
  withAlias,
  words,
} from './wasm-backend.ts'

/** Numbers of dy in one product: as many as the processor's second cache holds. */
const chunkSize = 65_536

/** Registers `Conv2DBackpropFilter`. */
export function registerConv2DFilterGradient(): void {
  addWasmKernel('Conv2DBackpropFilter', ({ inputs, attrs, backend }) => {
    const { x, dy } = inputs as { x: tf.TensorInfo; dy: tf.TensorInfo }
    const info = convolution(x.shape as Shape4D, attrs.filterShape as Shape4D, attrs)
    return keepsSize(info) ? byTaps(backend, x, dy, info) : byConvolution(backend, x, dy, info)
  })
}

function byTaps(backend: WasmBackend, x: tf.TensorInfo, dy: tf.TensorInfo, info: Conv2DInfo): tf.TensorInfo {
  const { batchSize, inChannels, outChannels, filterShape, padInfo } = info
  const rowLength = info.inWidth + padInfo.left
  const imageLength = (info.inHeight + padInfo.top) * rowLength
  const reach = padInfo.top * rowLength + padInfo.left
  const images = Math.min(batchSize, Math.max(1, Math.floor(chunkSize / (imageLength * outChannels))))
  const pixels = backend.makeOutput([inChannels * images * imageLength + 2 * reach], 'float32')
  const cotangents = backend.makeOutput([images * imageLength, outChannels], 'float32')
  const part = backend.makeOutput([...filterShape], 'float32')
  const sum = backend.makeOutput([...filterShape], 'float32')
  values(backend, sum).fill(0)
  for (let first = 0; first < batchSize; first += images) {
    const count = Math.min(images, batchSize - first)
    const chunk = { first, count, rowLength, imageLength, reach }
    layPixels(backend, x, pixels, info, chunk)
    layCotangents(backend, dy, cotangents, info, chunk)
    multiplyTaps(backend, { pixels, cotangents, part }, info, chunk)
    const [total, addend] = [values(backend, sum), values(backend, part)]
    for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + (addend[i] as number)
  }
  for (const { dataId } of [pixels, cotangents, part]) backend.disposeData(dataId)
  return sum
}

/** Some images, each pixel of which stands at `image · imageLength + y · rowLength + x`; zeros between. */
interface Chunk {
  readonly first: number
  readonly count: number
  readonly rowLength: number
  readonly imageLength: number
  /** How far the outermost tap is from the middle one. */
  readonly reach: number
}

/** One row a channel, `reach` zeros before the first and after the last. */
function layPixels(
  backend: WasmBackend,
  x: tf.TensorInfo,
  pixels: tf.TensorInfo,
  { inHeight, inWidth, inChannels }: Conv2DInfo,
  { first, count, rowLength, imageLength, reach }: Chunk,
): void {
  const [from, to] = [values(backend, x), values(backend, pixels)]
  const length = count * imageLength
  to.fill(0)
  for (let row = 0; row < count * inHeight; row++) {
    const source = (first * inHeight + row) * inWidth * inChannels
    const target = reach + Math.floor(row / inHeight) * imageLength + (row % inHeight) * rowLength
    for (let channel = 0; channel < inChannels; channel++) {
      const [a, b] = [source + channel, target + channel * length]
      for (let column = 0; column < inWidth; column++)
        to[b + column] = from[a + column * inChannels] as number
    }
  }
}

/** One row a pixel. */
function layCotangents(
  backend: WasmBackend,
  dy: tf.TensorInfo,
  cotangents: tf.TensorInfo,
  { inHeight, inWidth, outChannels }: Conv2DInfo,
  { first, count, rowLength, imageLength }: Chunk,
): void {
  values(backend, cotangents).fill(0)
  const heap = words(backend)
  const [from, to] = [addressOf(backend, dy) / 4, addressOf(backend, cotangents) / 4]
  const width = inWidth * outChannels
  for (let row = 0; row < count * inHeight; row++) {
    const source = from + (first * inHeight + row) * width
    const position = Math.floor(row / inHeight) * imageLength + (row % inHeight) * rowLength
    heap.copyWithin(to + position * outChannels, source, source + width)
  }
}

/** part[i, j] = pixels, moved by the tap · cotangents. */
function multiplyTaps(
  backend: WasmBackend,
  { pixels, cotangents, part }: Record<'pixels' | 'cotangents' | 'part', tf.TensorInfo>,
  { inChannels, outChannels, filterHeight, filterWidth }: Conv2DInfo,
  { count, rowLength, imageLength }: Chunk,
): void {
  const length = count * imageLength
  const sizes = { rows: inChannels, k: length, n: outChannels }
  const [left, right, out] = [pixels, cotangents, part].map((each) => addressOf(backend, each)) as [
    number,
    number,
    number,
  ]
  const multiply = multiplication(backend, sizes)
  withAlias(backend, right, length * outChannels, (rightId) => {
    for (let tap = 0; tap < filterHeight * filterWidth; tap++) {
      const shift = Math.floor(tap / filterWidth) * rowLength + (tap % filterWidth)
      withAlias(backend, left + 4 * shift, inChannels * length, (leftId) =>
        withAlias(backend, out + 4 * tap * inChannels * outChannels, inChannels * outChannels, (outId) =>
          multiply(leftId, rightId, outId),
        ),
      )
    }
  })
}

function byConvolution(
  backend: WasmBackend,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  info: Conv2DInfo,
): tf.TensorInfo {
  const { filterHeight, filterWidth, inChannels, outChannels, strideHeight, strideWidth, padInfo } = info
  const channelsFirst = runWasmKernel(backend, 'Transpose', { x }, { perm: [3, 1, 2, 0] })
  const filter = runWasmKernel(backend, 'Transpose', { x: dy }, { perm: [1, 2, 0, 3] })
  // behind the last pixel that is met: padding where it lies outside, else too many taps, cut off below
  const bottom = filterHeight + (info.outHeight - 1) * strideHeight - info.inHeight - padInfo.top
  const right = filterWidth + (info.outWidth - 1) * strideWidth - info.inWidth - padInfo.left
  const rows: [number, number] = [padInfo.top, Math.max(0, bottom)]
  const columns: [number, number] = [padInfo.left, Math.max(0, right)]
  const taps = runWasmKernel(
    backend,
    'Conv2D',
    { x: channelsFirst, filter },
    {
      strides: [1, 1],
      dilations: [strideHeight, strideWidth],
      dataFormat: 'NHWC',
      pad: [[0, 0], rows, columns, [0, 0]],
    },
  )
  const turned = runWasmKernel(backend, 'Transpose', { x: taps }, { perm: [1, 2, 0, 3] })
  const size = [filterHeight, filterWidth, inChannels, outChannels]
  const dw = runWasmKernel(backend, 'Slice', { x: turned }, { begin: [0, 0, 0, 0], size })
  for (const { dataId } of [channelsFirst, filter, taps, turned]) backend.disposeData(dataId)
  return dw
}
