/**
 * A graph as an ONNX file. Large constants may go to a file beside it (external data), which lifts the format's limit of
 * 2 GiB and lets the runtime map them.
 *
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import {
  type Attribute,
  type ElementArray,
  type ElementType,
  type Graph,
  type Initializer,
  sizeOf,
  typeCodes,
  type Value,
} from './graph.ts'
import { Message } from './protobuf.ts'

export const bytesPerElement: Readonly<Record<ElementType, number>> = {
  float32: 4,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
}

/** Where the runtime finds a constant that is not in the model's own file. */
export interface ExternalData {
  /** Relative to the model. */
  readonly location: string
  readonly offset: number
  readonly length: number
}

export interface OnnxOptions {
  /** Constants that lie elsewhere; all others are written into the model. */
  readonly external?: (initializer: Initializer) => ExternalData | undefined
  /** Texts that the file carries. */
  readonly metadata?: Readonly<Record<string, string>>
}

const irVersion = 10
const opset = 20

/** The model's bytes, in parts. */
export function onnxModel(graph: Graph, options: OnnxOptions = {}): readonly Uint8Array[] {
  return [...onnxMessage(graph, options).chunks()]
}

/** The model as a message: its length is known, its constants are read as they are written. */
export function onnxMessage(
  graph: Graph,
  { external = () => undefined, metadata = {} }: OnnxOptions = {},
): Message {
  const body = new Message()
  for (const node of graph.nodes) {
    const message = new Message()
    for (const { name } of node.inputs) message.text(1, name)
    for (const { name } of node.outputs) message.text(2, name)
    message.text(3, node.outputs[0]?.name ?? node.operator).text(4, node.operator)
    for (const [name, value] of Object.entries(node.attributes)) message.message(5, attribute(name, value))
    if (node.domain) message.text(7, node.domain)
    body.message(1, message)
  }
  body.text(2, 'graph')
  for (const initializer of graph.initializers) body.message(5, tensor(initializer, external(initializer)))
  for (const value of graph.inputs) body.message(11, valueInfo(value))
  for (const value of graph.outputs) body.message(12, valueInfo(value))
  const model = new Message()
    .integer(1, irVersion)
    .text(2, 'guided-diffusion')
    .message(7, body)
    .message(8, new Message().text(1, '').integer(2, opset))
  if (graph.nodes.some(({ domain }) => domain === 'com.microsoft'))
    model.message(8, new Message().text(1, 'com.microsoft').integer(2, 1))
  for (const [key, text] of Object.entries(metadata))
    model.message(14, new Message().text(1, key).text(2, text))
  return model
}

/** Numbers of `AttributeProto.AttributeType`. */
const attributeTypes = { float: 1, int: 2, string: 3, ints: 7 } as const

function attribute(name: string, value: Attribute): Message {
  const message = new Message().text(1, name)
  if (typeof value === 'number') return message.integer(3, value).integer(20, attributeTypes.int)
  if (typeof value === 'string') return message.text(4, value).integer(20, attributeTypes.string)
  if ('float' in value) return message.float(2, value.float).integer(20, attributeTypes.float)
  for (const entry of value) message.integer(8, entry)
  return message.integer(20, attributeTypes.ints)
}

function tensor({ value, read }: Initializer, external: ExternalData | undefined): Message {
  const message = new Message()
  for (const length of value.shape) message.integer(1, length)
  message.integer(2, typeCodes[value.type]).text(8, value.name)
  if (!external) return message.deferred(9, byteLength(value), () => bytesOf(read()))
  for (const [key, text] of Object.entries(external))
    message.message(13, new Message().text(1, key).text(2, String(text)))
  return message.integer(14, 1)
}

/** The bytes of a constant, little-endian as every platform that runs JavaScript has them. */
export function bytesOf(array: ElementArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

/** Bytes that a constant takes. */
export function byteLength({ type, shape }: Value): number {
  return bytesPerElement[type] * sizeOf(shape)
}

/** Constants from this size on lie outside of the model, where it has an outside. */
const outsideFrom = 1024

export const isLarge = ({ value }: Initializer): boolean => byteLength(value) >= outsideFrom

function valueInfo({ name, type, shape }: Value): Message {
  const dimensions = new Message()
  for (const length of shape) dimensions.message(1, new Message().integer(1, length))
  const tensorType = new Message().integer(1, typeCodes[type]).message(2, dimensions)
  return new Message().text(1, name).message(2, new Message().message(1, tensorType))
}
