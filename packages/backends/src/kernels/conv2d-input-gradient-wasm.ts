/**
 * Gradient of a convolution with respect to its input, for WebAssembly. The stock kernel is ten times slower than the
 * convolution; the same sum is a convolution of dy, its pixels spread by the stride, with the filter turned by 180°
 * and its channels swapped:
 *
 *   dx[i] = Σ_k e[i + k] · w[K − 1 − k]ᵀ,   e[s·o + K − 1 − p] = dy[o], 0 elsewhere
 *
 * in each direction, with size K, stride s and padding p before the first pixel.
 */
import type * as tf from '@tensorflow/tfjs-core'
import { type Conv2DInfo, convolution, type Shape4D } from './conv2d-info.ts'
import {
  addressOf,
  replaceWasmKernel,
  runWasmKernel,
  values,
  type WasmBackend,
  words,
} from './wasm-backend.ts'

/** Registers `Conv2DBackpropInput`. */
export function registerConv2DInputGradient(): void {
  replaceWasmKernel('Conv2DBackpropInput', (stock) => (call) => {
    const { inputs, attrs, backend } = call
    const { dy, filter } = inputs as { dy: tf.TensorInfo; filter: tf.TensorInfo }
    const info = convolution(attrs.inputShape as Shape4D, filter.shape as Shape4D, attrs)
    // where padding is wider than the filter reaches, some of dy goes nowhere: rare enough for the stock kernel
    if (attrs.dataFormat !== 'NHWC' || !isWithinReach(info)) return stock(call)
    const turned = turn(backend, filter)
    const spread = keepsSize(info) ? undefined : spreadPixels(backend, dy, info)
    const pad = spread ? 'valid' : 'same'
    const dx = runWasmKernel(backend, 'Conv2D', { x: spread ?? dy, filter: turned }, { ...plain, pad })
    backend.disposeData(turned.dataId)
    if (spread) backend.disposeData(spread.dataId)
    return dx
  })
}

const plain = { strides: [1, 1], dilations: [1, 1], dataFormat: 'NHWC' }

/** Stride 1, an odd filter and equal padding on both sides: e is dy with that same padding. */
export function keepsSize({
  strideHeight,
  strideWidth,
  filterHeight,
  filterWidth,
  padInfo,
}: Conv2DInfo): boolean {
  return (
    strideHeight === 1 &&
    strideWidth === 1 &&
    [padInfo.top, padInfo.bottom].every((padding) => 2 * padding === filterHeight - 1) &&
    [padInfo.left, padInfo.right].every((padding) => 2 * padding === filterWidth - 1)
  )
}

function isWithinReach({ filterHeight, filterWidth, padInfo }: Conv2DInfo): boolean {
  const { top, bottom, left, right } = padInfo
  return Math.max(top, bottom) < filterHeight && Math.max(left, right) < filterWidth
}

/** w[i, j, c, d] → w[K − 1 − i, K − 1 − j, d, c]. */
function turn(backend: WasmBackend, filter: tf.TensorInfo): tf.TensorInfo {
  const [height, width, channels, out] = filter.shape as Shape4D
  const turned = backend.makeOutput([height, width, out, channels], 'float32')
  const [from, to] = [values(backend, filter), values(backend, turned)]
  const [taps, size] = [height * width, channels * out]
  for (let tap = 0; tap < taps; tap++) {
    const [source, target] = [tap * size, (taps - 1 - tap) * size]
    for (let d = 0; d < out; d++) {
      for (let c = 0; c < channels; c++) to[target + d * channels + c] = from[source + c * out + d] as number
    }
  }
  return turned
}

/** e of the formula: as many pixels as the input has, and K − 1 more. */
function spreadPixels(backend: WasmBackend, dy: tf.TensorInfo, info: Conv2DInfo): tf.TensorInfo {
  const { batchSize, outHeight, outWidth, outChannels, strideHeight, strideWidth } = info
  const top = info.filterHeight - 1 - info.padInfo.top
  const left = info.filterWidth - 1 - info.padInfo.left
  const height = info.inHeight + info.filterHeight - 1
  const width = info.inWidth + info.filterWidth - 1
  const spread = backend.makeOutput([batchSize, height, width, outChannels], 'float32')
  values(backend, spread).fill(0)
  const heap = words(backend)
  const [from, to] = [addressOf(backend, dy) / 4, addressOf(backend, spread) / 4]
  const run = strideWidth === 1 ? outWidth : 1
  for (let row = 0; row < batchSize * outHeight; row++) {
    const image = Math.floor(row / outHeight)
    const y = (row % outHeight) * strideHeight + top
    for (let x = 0; x < outWidth; x += run) {
      const source = from + (row * outWidth + x) * outChannels
      const target = to + ((image * height + y) * width + x * strideWidth + left) * outChannels
      heap.copyWithin(target, source, source + run * outChannels)
    }
  }
  return spread
}
