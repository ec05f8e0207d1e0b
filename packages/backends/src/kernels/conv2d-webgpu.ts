/**
 * Convolutions for WebGPU, forward and gradients, as products of matrices that are put together tile by tile from the
 * images: see `conv2d.wgsl.ts`. Images of a batch lie in one row of pixels, so that small ones share a tile. Where there
 * are few tiles, each sum is computed in parts by several workgroups, and the parts are added.
 */
import * as tf from '@tensorflow/tfjs-core'
import { type Convolving, chunk, convolutionCode, partSumCode, type Tile, threads } from './conv2d.wgsl.ts'
import { type Conv2DInfo, convolution, type Shape4D } from './conv2d-info.ts'
import {
  precisionOf,
  replaceWebGpuKernel,
  runProgram,
  type WebGpuBackend,
  type WebGpuKernel,
} from './webgpu-backend.ts'

/**
 * Registers `Conv2D`, `FusedConv2D`, `Conv2DBackpropInput` and `Conv2DBackpropFilter`. The stock kernels keep what ours
 * do not take: channels first, dilation, an activation, and gradients of the input with strides.
 */
export function registerConv2D(): void {
  const forward =
    (stock: WebGpuKernel): WebGpuKernel =>
    (call) => {
      const { inputs, attrs, backend } = call
      const { x, filter, bias } = inputs as { x: tf.TensorInfo; filter: tf.TensorInfo; bias?: tf.TensorInfo }
      if (!isPlain(attrs)) return stock(call)
      const info = convolution(x.shape as Shape4D, filter.shape as Shape4D, attrs)
      if (isEmpty(info) || (bias && !isPerChannel(bias, info))) return stock(call)
      return multiply(backend, 'forward', { source: x, weights: filter, ...(bias && { bias }) }, info)
    }
  replaceWebGpuKernel('Conv2D', forward)
  replaceWebGpuKernel('FusedConv2D', forward)
  replaceWebGpuKernel('Conv2DBackpropInput', (stock) => (call) => {
    const { inputs, attrs, backend } = call
    const { dy, filter } = inputs as { dy: tf.TensorInfo; filter: tf.TensorInfo }
    if (!isPlain(attrs)) return stock(call)
    const info = convolution(attrs.inputShape as Shape4D, filter.shape as Shape4D, attrs)
    if (isEmpty(info) || info.strideHeight > 1 || info.strideWidth > 1) return stock(call)
    return multiply(backend, 'input', { source: dy, weights: filter }, info)
  })
  replaceWebGpuKernel('Conv2DBackpropFilter', (stock) => (call) => {
    const { inputs, attrs, backend } = call
    const { x, dy } = inputs as { x: tf.TensorInfo; dy: tf.TensorInfo }
    if (!isPlain(attrs)) return stock(call)
    const info = convolution(x.shape as Shape4D, attrs.filterShape as Shape4D, attrs)
    if (isEmpty(info)) return stock(call)
    return multiply(backend, 'filter', { source: x, dy }, info)
  })
}

/** Neither channels first, nor dilated, nor with an activation. */
function isPlain({ dataFormat, dilations = 1, activation }: Record<string, unknown>): boolean {
  return (
    dataFormat === 'NHWC' &&
    [dilations as number | number[]].flat().every((dilation) => dilation === 1) &&
    (activation ?? 'linear') === 'linear'
  )
}

const isEmpty = ({ inShape, outShape, filterShape }: Conv2DInfo) =>
  [...inShape, ...outShape, ...filterShape].includes(0)

const isPerChannel = ({ shape }: tf.TensorInfo, { outChannels }: Conv2DInfo) =>
  shape.length === 1 && shape[0] === outChannels

function multiply(
  backend: WebGpuBackend,
  of: Convolving,
  inputs: Readonly<Record<string, tf.TensorInfo>>,
  info: Conv2DInfo,
): tf.TensorInfo {
  const { rows, columns, depth, shape, integers } = product(of, info)
  const size = tf.util.sizeFromShape(shape)
  const tile = tileFor(rows, columns)
  const tiles = Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns)
  const chunks = Math.ceil(depth / chunk)
  const chunksEach = Math.ceil(chunks / partsOf(tiles, chunks))
  const parts = Math.ceil(chunks / chunksEach)
  // float16 has neither digits nor range for gradients
  const precision = of === 'forward' ? precisionOf(backend) : 'float32'
  const rowLengths = Object.entries(inputs).map(
    ([name, { shape }]) => [name, shape.at(-1) as number] as const,
  )
  const fours = [...rowLengths, ['result', columns] as const]
    .filter(([, length]) => length % 4 === 0)
    .map(([name]) => name)
  const description = { of, tile, fours, bias: 'bias' in inputs, precision }
  const result = runProgram(backend, {
    key: `convolution ${JSON.stringify(description)}`,
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, inOneRow(tensor)])),
    fours,
    shape: [parts * size],
    workgroups: tiles * parts,
    threads,
    integers: { rows, columns, parts, chunks: chunksEach, ...integers },
    code: convolutionCode(description),
  })
  return { ...(parts === 1 ? result : sumParts(backend, result, { count: parts, size })), shape }
}

/** The stock backend compiles a program again for shapes that it could broadcast: so it is told none. */
const inOneRow = (tensor: tf.TensorInfo): tf.TensorInfo => ({
  ...tensor,
  shape: [1, tf.util.sizeFromShape(tensor.shape)],
})

/** The sizes of the product of matrices, and what its code wants to know of the convolution. */
function product(of: Convolving, info: Conv2DInfo) {
  const { batchSize, inChannels, outChannels, filterHeight, filterWidth, padInfo } = info
  const taps = filterHeight * filterWidth
  const upToFour = (channels: number) => 4 * Math.ceil(channels / 4)
  const common = {
    taps,
    filterWidth,
    images: batchSize,
    strideY: info.strideHeight,
    strideX: info.strideWidth,
  }
  const { inHeight, inWidth, outHeight, outWidth } = info
  const source = {
    ...common,
    channels: inChannels,
    height: inHeight,
    width: inWidth,
    outHeight,
    outWidth,
    top: padInfo.top,
    left: padInfo.left,
  }
  switch (of) {
    case 'forward':
      return {
        rows: batchSize * outHeight * outWidth,
        columns: outChannels,
        depth: taps * upToFour(inChannels),
        shape: info.outShape,
        integers: source,
      }
    case 'input':
      return {
        rows: batchSize * inHeight * inWidth,
        columns: inChannels,
        depth: taps * upToFour(outChannels),
        shape: info.inShape,
        integers: {
          ...common,
          channels: outChannels,
          height: outHeight,
          width: outWidth,
          outHeight: inHeight,
          outWidth: inWidth,
          top: filterHeight - 1 - padInfo.top,
          left: filterWidth - 1 - padInfo.left,
        },
      }
    case 'filter':
      return {
        rows: taps * upToFour(inChannels),
        columns: outChannels,
        depth: batchSize * outHeight * outWidth,
        shape: info.filterShape,
        integers: source,
      }
  }
}

const tiles = {
  square: { rows: 64, columns: 64, rowsEach: 8, foursEach: 2 },
  /** For images of one or three channels. */
  narrow: { rows: 128, columns: 16, rowsEach: 8, foursEach: 1 },
  /** For few pixels. */
  flat: { rows: 32, columns: 64, rowsEach: 4, foursEach: 2 },
} as const satisfies Record<string, Tile>

function tileFor(rows: number, columns: number): Tile {
  if (columns <= tiles.narrow.columns) return tiles.narrow
  return rows <= tiles.flat.rows ? tiles.flat : tiles.square
}

/** Workgroups that large graphics cards need to have work for all their processors. */
const enoughWorkgroups = 256
/** Of a part: with fewer, adding the parts would cost as much as they do. */
const leastChunks = 8

const partsOf = (tiles: number, chunks: number) =>
  Math.max(1, Math.min(Math.floor(enoughWorkgroups / tiles), Math.floor(chunks / leastChunks)))

function sumParts(
  backend: WebGpuBackend,
  parts: tf.TensorInfo,
  integers: { readonly count: number; readonly size: number },
): tf.TensorInfo {
  const sum = runProgram(backend, {
    key: 'convolution, sum of parts',
    inputs: { parts: inOneRow(parts) },
    shape: [integers.size],
    workgroups: Math.ceil(integers.size / threads),
    threads,
    integers,
    code: partSumCode,
  })
  backend.disposeData(parts.dataId)
  return sum
}
