/** Convolutions, pooling and resizing: in `[B, C, H, W]`, the layout that ONNX has. */
import * as tf from '@tensorflow/tfjs-core'
import { UntraceableOperationError } from '../errors.ts'
import { type Attribute, absent, type GraphBuilder, type Value } from '../graph.ts'
import type { Kernel } from '../recorder.ts'
import type { Operand } from '../recording-backend.ts'
import { arrange, canonical, makeView, type View } from '../view.ts'
import { turnedFilter } from './turned-filter.ts'

type Shape4 = [number, number, number, number]

/** A tensor `[B, H, W, C]` as a value `[B, C, H, W]`. */
export const channelsFirst = (graph: GraphBuilder, view: View): Value =>
  arrange(graph, view, [[0], [3], [1], [2]])

/** A value `[B, C, H, W]` as a tensor `[B, H, W, C]`. */
export const channelsLast = (value: Value): View => makeView(value, [[0], [2], [3], [1]])

interface ConvolutionAttributes {
  readonly strides: number | [number, number]
  readonly pad: 'same' | 'valid' | number | [number, number][]
  readonly dilations?: number | [number, number]
  readonly dataFormat?: 'NHWC' | 'NCHW'
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil'
  readonly activation?: string
}

function geometry(x: readonly number[], filter: readonly number[], attrs: ConvolutionAttributes) {
  if (attrs.dataFormat === 'NCHW') throw untraceable('Conv2D', 'it has the data format NCHW')
  return tf.backend_util.computeConv2DInfo(
    x as Shape4,
    filter as Shape4,
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad as 'same',
    attrs.dimRoundingMode,
    false,
    'channelsLast',
  )
}

type Geometry = ReturnType<typeof geometry>

const spatial = (info: Geometry) => {
  const { top, left, bottom, right } = info.padInfo
  return {
    kernel_shape: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    pads: [top, left, bottom, right],
  }
}

const conv2d: Kernel = (graph, inputs, attrs: ConvolutionAttributes) => {
  const x = inputs.x as Operand
  const filter = inputs.filter as Operand
  const info = geometry(x.shape, filter.shape, attrs)
  const weight = arrange(graph, filter.view, [[3], [2], [0], [1]])
  const bias = inputs.bias ? [canonical(graph, inputs.bias.view)] : []
  const shape = [info.batchSize, info.outChannels, info.outHeight, info.outWidth]
  const value = graph.node('Conv', [channelsFirst(graph, x.view), weight, ...bias], { shape }, spatial(info))
  return channelsLast(activated(graph, value, attrs.activation))
}

function activated(graph: GraphBuilder, value: Value, activation = 'linear'): Value {
  if (activation === 'linear') return value
  const operator = { relu: 'Relu', sigmoid: 'Sigmoid' }[activation]
  if (!operator) throw untraceable('FusedConv2D', `it has the activation ${activation}`)
  return graph.node(operator, [value], { shape: value.shape })
}

/**
 * The gradient of a convolution with respect to its input. With stride 1 it is a convolution too, with the filter turned
 * and its channels changed over, which runs at full speed; `ConvTranspose` does not.
 */
const conv2dInputGradient: Kernel = (graph, inputs, attrs) => {
  const { inputShape, ...rest } = attrs as ConvolutionAttributes & { inputShape: number[] }
  const { view } = inputs.dy as Operand
  const filter = inputs.filter as Operand
  const info = geometry(inputShape, filter.shape, rest)
  const dy = channelsFirst(graph, view)
  const shape = [info.batchSize, info.inChannels, info.inHeight, info.inWidth]
  const { kernel_shape, pads, strides, dilations } = spatial(info)
  const [top, left, bottom, right] = pads as Shape4
  const [height, width] = [
    (info.filterHeight - 1) * info.dilationHeight,
    (info.filterWidth - 1) * info.dilationWidth,
  ]
  const opposite = [height - top, width - left, height - bottom, width - right]
  if (info.strideHeight === 1 && info.strideWidth === 1 && opposite.every((amount) => amount >= 0)) {
    const weight = turnedFilter(graph, filter)
    const options = { kernel_shape, dilations, strides: [1, 1], pads: opposite }
    return channelsLast(graph.node('Conv', [dy, weight], { shape }, options))
  }
  // [out, in, h, w]: the filter of the convolution is that of its transpose
  const weight = arrange(graph, filter.view, [[3], [2], [0], [1]])
  const reach = (size: number, stride: number, kernel: number, before: number, after: number) =>
    stride * (size - 1) + kernel + 1 - before - after
  const output_padding = [
    info.inHeight - reach(info.outHeight, info.strideHeight, height, top, bottom),
    info.inWidth - reach(info.outWidth, info.strideWidth, width, left, right),
  ]
  const options = { kernel_shape, dilations, strides, pads, output_padding }
  return channelsLast(graph.node('ConvTranspose', [dy, weight], { shape }, options))
}

/**
 * The gradient of a convolution with respect to its filter: a convolution of x with dy as the filter, where images and
 * channels have changed places, and steps and dilation too.
 */
const conv2dFilterGradient: Kernel = (graph, inputs, attrs) => {
  const { filterShape, ...rest } = attrs as ConvolutionAttributes & { filterShape: number[] }
  const x = inputs.x as Operand
  const info = geometry(x.shape, filterShape, rest)
  const { pads, strides, dilations } = spatial(info)
  // [in, B, H, W] and [out, B, h, w] → [in, out, kernel, kernel], or more where steps left a rest
  const image = arrange(graph, x.view, [[3], [0], [1], [2]])
  const dy = arrange(graph, (inputs.dy as Operand).view, [[3], [0], [1], [2]])
  const [top, left, bottom, right] = pads as Shape4
  const reach = (
    size: number,
    before: number,
    after: number,
    stride: number,
    out: number,
    dilation: number,
  ) => Math.floor((size + before + after - stride * (out - 1) - 1) / dilation) + 1
  const made = [
    reach(info.inHeight, top, bottom, info.strideHeight, info.outHeight, info.dilationHeight),
    reach(info.inWidth, left, right, info.strideWidth, info.outWidth, info.dilationWidth),
  ] as const
  const options = { kernel_shape: dy.shape.slice(2), pads, strides: dilations, dilations: strides }
  const shape = [info.inChannels, info.outChannels, ...made]
  const value = graph.node('Conv', [image, dy], { shape }, options)
  const wanted = [info.filterHeight, info.filterWidth]
  const cut = [graph.integers([0, 0]), graph.integers(wanted), graph.integers([2, 3])]
  const fits = made[0] === info.filterHeight && made[1] === info.filterWidth
  const filter = fits
    ? value
    : graph.node('Slice', [value, ...cut], { shape: [...shape.slice(0, 2), ...wanted] })
  return makeView(filter, [[2], [3], [0], [1]])
}

const pool =
  (operator: 'AveragePool' | 'MaxPool'): Kernel =>
  (graph, inputs, attrs) => {
    const { filterSize, strides, pad, dimRoundingMode } = attrs as {
      filterSize: number | [number, number]
      strides: number | [number, number]
      pad: 'same' | 'valid'
      dimRoundingMode?: 'floor'
    }
    const x = inputs.x as Operand
    const info = tf.backend_util.computePool2DInfo(
      x.shape as Shape4,
      filterSize,
      strides,
      1,
      pad,
      dimRoundingMode,
    )
    const { kernel_shape, strides: steps, pads } = spatial(info)
    const shape = [info.batchSize, info.outChannels, info.outHeight, info.outWidth]
    const counted: Record<string, Attribute> = operator === 'AveragePool' ? { count_include_pad: 0 } : {}
    const options = { kernel_shape, strides: steps, pads, ...counted }
    return channelsLast(graph.node(operator, [channelsFirst(graph, x.view)], { shape }, options))
  }

/** The gradient of average pooling whose windows neither overlap nor leave anything out: dy spread evenly. */
const averagePoolGradient: Kernel = (graph, inputs, attrs) => {
  const { filterSize, strides, pad } = attrs as {
    filterSize: number | [number, number]
    strides: number | [number, number]
    pad: 'same' | 'valid'
  }
  const input = (inputs.input as Operand).shape
  const info = tf.backend_util.computePool2DInfo(input as Shape4, filterSize, strides, 1, pad)
  const { filterHeight, filterWidth, strideHeight, strideWidth, outHeight, outWidth } = info
  const tiles = filterHeight === strideHeight && filterWidth === strideWidth
  if (!tiles || outHeight * strideHeight !== info.inHeight || outWidth * strideWidth !== info.inWidth)
    throw untraceable('AvgPoolGrad', 'its windows do not tile the image')
  const dy = channelsFirst(graph, (inputs.dy as Operand).view)
  const repeated = nearest(graph, dy, info.inHeight, info.inWidth)
  const share = graph.floats(1 / (filterHeight * filterWidth))
  return channelsLast(graph.node('Mul', [repeated, share], { shape: repeated.shape }))
}

function nearest(graph: GraphBuilder, value: Value, height: number, width: number): Value {
  return resize(graph, value, [height, width], {
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  })
}

function resize(
  graph: GraphBuilder,
  value: Value,
  [height, width]: readonly [number, number],
  options: Readonly<Record<string, string>>,
): Value {
  const [batch, channels, from, across] = value.shape as Shape4
  const shape = [batch, channels, height, width]
  const scales = graph.floats([1, 1, height / from, width / across])
  // whole factors are given as scales: the runtime has a faster way for them
  const whole = Number.isInteger(height / from) && Number.isInteger(width / across)
  const sized = whole ? [absent, scales] : [absent, absent, graph.integers(shape)]
  return graph.node('Resize', [value, ...sized], { shape }, options)
}

interface ResizeAttributes {
  readonly size: [number, number]
  readonly alignCorners: boolean
  readonly halfPixelCenters: boolean
}

const resizeNearest: Kernel = (graph, inputs, { size, alignCorners, halfPixelCenters }: ResizeAttributes) => {
  if (alignCorners || halfPixelCenters)
    throw untraceable('ResizeNearestNeighbor', 'it aligns corners or centres pixels')
  return channelsLast(nearest(graph, channelsFirst(graph, (inputs.images as Operand).view), ...size))
}

const resizeBilinear: Kernel = (
  graph,
  inputs,
  { size, alignCorners, halfPixelCenters }: ResizeAttributes,
) => {
  const mode = alignCorners ? 'align_corners' : halfPixelCenters ? 'half_pixel' : 'asymmetric'
  const value = channelsFirst(graph, (inputs.images as Operand).view)
  return channelsLast(resize(graph, value, size, { mode: 'linear', coordinate_transformation_mode: mode }))
}

function untraceable(operation: string, reason: string) {
  return new UntraceableOperationError({ operation, reason, advice: 'Run this part eagerly.' })
}

export const convolutionKernels: Readonly<Record<string, Kernel>> = {
  AvgPool: pool('AveragePool'),
  AvgPoolGrad: averagePoolGradient,
  Conv2D: conv2d,
  Conv2DBackpropFilter: conv2dFilterGradient,
  Conv2DBackpropInput: conv2dInputGradient,
  FusedConv2D: conv2d,
  MaxPool: pool('MaxPool'),
  ResizeBilinear: resizeBilinear,
  ResizeNearestNeighbor: resizeNearest,
}
