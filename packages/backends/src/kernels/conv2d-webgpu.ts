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
 * do not take: channels first, dilation and an activation.
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
    if (isEmpty(info)) return stock(call)
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
  const shape = { forward: info.outShape, input: info.inShape, filter: info.filterShape }[of]
  const size = tf.util.sizeFromShape(shape)
  const products = productsOf(of, info).map((product) => {
    const tile = tileFor(product.rows, product.columns)
    const tiles = Math.ceil(product.rows / tile.rows) * Math.ceil(product.columns / tile.columns)
    return { ...product, tile, tiles, chunks: Math.max(1, Math.ceil(product.depth / chunk)) }
  })
  const tiles = products.reduce((sum, each) => sum + each.tiles, 0)
  const chunks = Math.max(...products.map((each) => each.chunks))
  const chunksOfPart = Math.ceil(chunks / partsOf(tiles, chunks))
  const parts = Math.ceil(chunks / chunksOfPart)
  // float16 has neither digits nor range for gradients
  const precision = of === 'forward' ? precisionOf(backend) : 'float32'
  const result = backend.makeTensorInfo([parts * size], 'float32')
  for (const { rows, columns, tile, tiles, chunks, integers } of products) {
    const rowLengths = Object.entries(inputs).map(
      ([name, { shape }]) => [name, shape.at(-1) as number] as const,
    )
    const fours = [...rowLengths, ['result', columns] as const]
      .filter(([, length]) => length % 4 === 0)
      .map(([name]) => name)
    const description = { of, tile, fours, bias: 'bias' in inputs, precision }
    runProgram(backend, {
      key: `convolution ${JSON.stringify(description)}`,
      inputs: Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, inOneRow(tensor)])),
      fours,
      shape: [parts * size],
      output: result,
      workgroups: tiles * parts,
      threads,
      integers: { rows, columns, parts, chunks: Math.ceil(chunks / parts), ...integers },
      code: () => convolutionCode(description),
    })
  }
  return { ...(parts === 1 ? result : sumParts(backend, result, { count: parts, size })), shape }
}

/** The stock backend compiles a program again for shapes that it could broadcast: so it is told none. */
const inOneRow = (tensor: tf.TensorInfo): tf.TensorInfo => ({
  ...tensor,
  shape: [1, tf.util.sizeFromShape(tensor.shape)],
})

interface Product {
  readonly rows: number
  readonly columns: number
  readonly depth: number
  /** What its code wants to know of the convolution. */
  readonly integers: Readonly<Record<string, number>>
}

const upToFour = (channels: number) => 4 * Math.ceil(channels / 4)

/** The products of matrices whose rows are the result's: one, or of a gradient of the input one for each place in a stride. */
function productsOf(of: Convolving, info: Conv2DInfo): Product[] {
  if (of === 'input') return inputProducts(info)
  const { batchSize, inChannels, outChannels, outHeight, outWidth, filterHeight, filterWidth } = info
  const taps = filterHeight * filterWidth
  const pixels = batchSize * outHeight * outWidth
  const integers = {
    taps,
    filterWidth,
    images: batchSize,
    channels: inChannels,
    height: info.inHeight,
    width: info.inWidth,
    outHeight,
    outWidth,
    strideY: info.strideHeight,
    strideX: info.strideWidth,
    top: info.padInfo.top,
    left: info.padInfo.left,
  }
  const depth = taps * upToFour(inChannels)
  return of === 'forward'
    ? [{ rows: pixels, columns: outChannels, depth, integers }]
    : [{ rows: depth, columns: outChannels, depth: pixels, integers }]
}

/** A convolution of dy with a part of the filter for the pixels of x that lie alike between those of y. */
function inputProducts(info: Conv2DInfo): Product[] {
  const { batchSize, inChannels, outChannels, inHeight, inWidth, outHeight, outWidth, padInfo } = info
  const alikeDown = alike(inHeight, info.filterHeight, info.strideHeight, padInfo.top)
  const alikeAcross = alike(inWidth, info.filterWidth, info.strideWidth, padInfo.left)
  return alikeDown.flatMap((down) =>
    alikeAcross.map((across) => {
      const taps = down.taps * across.taps
      return {
        rows: batchSize * down.count * across.count,
        columns: inChannels,
        depth: taps * upToFour(outChannels),
        integers: {
          taps,
          filterWidth: across.taps,
          images: batchSize,
          channels: outChannels,
          height: outHeight,
          width: outWidth,
          outHeight: down.count,
          outWidth: across.count,
          strideY: 1,
          strideX: 1,
          top: down.before,
          left: across.before,
          firstY: down.first,
          firstX: across.first,
          stepY: info.strideHeight,
          stepX: info.strideWidth,
          lastTapY: down.lastTap,
          lastTapX: across.lastTap,
          wholeFilterWidth: info.filterWidth,
          wholeHeight: inHeight,
          wholeWidth: inWidth,
        },
      }
    }),
  )
}

/**
 * Along one axis, the pixels `first`, `first` + stride, … of x. Pixel i of y sees pixel i · stride + tap − pad, so that they
 * are seen through the taps that are first + pad modulo the stride; `lastTap` of these sees the first of them from pixel
 * −`before` of y.
 */
function alike(pixels: number, filter: number, stride: number, pad: number) {
  return Array.from({ length: Math.min(stride, pixels) }, (_, first) => {
    const firstTap = (((first + pad) % stride) + stride) % stride
    const taps = Math.max(0, Math.ceil((filter - firstTap) / stride))
    const lastTap = firstTap + stride * (taps - 1)
    return {
      first,
      count: Math.ceil((pixels - first) / stride),
      taps,
      lastTap,
      before: (lastTap - first - pad) / stride,
    }
  })
}

const tiles = {
  square: { rows: 64, columns: 64, rowsEach: 8, foursEach: 2 },
  /** For few channels: images have one or three, and a network's output three or six. */
  narrow: { rows: 128, columns: 16, rowsEach: 8, foursEach: 1 },
  narrower: { rows: 128, columns: 8, rowsEach: 4, foursEach: 1 },
  narrowest: { rows: 128, columns: 4, rowsEach: 2, foursEach: 1 },
  /** For up to 32 channels, and 65 to 96: whole squares would leave half of one empty. */
  half: { rows: 64, columns: 32, rowsEach: 8, foursEach: 1 },
  /** For few pixels. */
  flat: { rows: 32, columns: 64, rowsEach: 4, foursEach: 2 },
} as const satisfies Record<string, Tile>

/** Channels. Of more, half a square is too little to read the image half as often again for. */
const mostInHalves = 96

function tileFor(rows: number, columns: number): Tile {
  const narrow = [tiles.narrowest, tiles.narrower, tiles.narrow].find((tile) => columns <= tile.columns)
  if (narrow) return narrow
  if (rows <= tiles.flat.rows) return tiles.flat
  const [halves, squares] = [tiles.half, tiles.square].map(
    ({ columns: each }) => Math.ceil(columns / each) * each,
  )
  return columns <= mostInHalves && (halves as number) < (squares as number) ? tiles.half : tiles.square
}

/**
 * Workgroups that large graphics cards need to have work for all their processors. On an H200 with 132 of them, 512 take two
 * thirds of the time of 256 for one image of 64 × 64 pixels, and 1024 or 2048 no less than 512.
 */
const enoughWorkgroups = 512
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
    code: () => partSumCode,
  })
  backend.disposeData(parts.dataId)
  return sum
}
