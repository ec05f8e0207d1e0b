/**
 * A backend of TensorFlow.js whose kernels write down what they would compute. Tensors on it are constants (weights,
 * numbers that the function makes) or views of values of the graph.
 */
import * as tf from '@tensorflow/tfjs-core'
import { UntraceableOperationError } from './errors.ts'
import type { ElementArray, ElementType, GraphBuilder, Origin, Value } from './graph.ts'
import { HoldingBackend } from './holding-backend.ts'
import { originOf } from './origin.ts'
import { readStored, type StoredArray, storedArray } from './stored-tensor.ts'
import { reshapeValue, shapeOf, type View, viewOf } from './view.ts'

export const backendName = 'guided-diffusion-trace'

/** What a tensor on this backend stands for. */
export type Recorded =
  | { readonly kind: 'view'; readonly view: View }
  | { readonly kind: 'constant'; readonly constant: Constant }

/** A tensor whose numbers are known while tracing. They lie on the backend that was running before. */
export interface Constant {
  readonly shape: readonly number[]
  readonly type: ElementType
  /** State-dict name of a weight. */
  readonly label?: string | undefined
  /** The array that it has the numbers of, if it is a weight. */
  readonly origin?: Origin | undefined
  /** Whether its numbers are on no backend that computes. */
  readonly isStored?: boolean
  /** The tensor on the home backend. */
  home(): tf.TensorInfo
  read(): ElementArray
}

/** An input of a kernel. */
export interface Operand {
  readonly shape: readonly number[]
  readonly type: ElementType
  readonly constant?: Constant
  readonly view: View
}

/** One trace: its graph, and the tensors that belong to it. */
export class Recording {
  readonly graph: GraphBuilder
  readonly home: { readonly name: string; readonly backend: tf.KernelBackend }
  readonly #labels: ReadonlyMap<object, string>
  readonly #constants = new Map<object, Constant>()
  readonly #owned: tf.TensorInfo[] = []
  readonly #keys = new Map<object, string>()

  /** Values of the inputs that stand for numbers of the function. */
  readonly numbers = new Map<string, ElementArray>()
  readonly #lift: boolean

  /** Inputs that stand for tensors which the function has from outside, by their data. */
  readonly #data: ReadonlyMap<object, Value>

  constructor(
    graph: GraphBuilder,
    options: {
      readonly labels: ReadonlyMap<object, string>
      readonly numbers: 'constants' | 'inputs'
      readonly data: ReadonlyMap<object, Value>
    },
  ) {
    const { labels, numbers, data } = options
    this.graph = graph
    this.#data = data
    this.#lift = numbers === 'inputs'
    this.home = { name: tf.getBackend(), backend: tf.backend() as tf.KernelBackend }
    this.#labels = labels
  }

  /** What a kernel's input stands for; tensors of other backends are constants. */
  operand(info: tf.TensorInfo, recorded: Recorded | undefined): Operand {
    if (recorded?.kind === 'view') {
      const { view } = recorded
      return { shape: shapeOf(view), type: view.value.type, view }
    }
    const input = recorded ? undefined : this.#data.get(info.dataId)
    if (input)
      return {
        shape: info.shape,
        type: input.type,
        view: viewOf(reshapeValue(this.graph, input, info.shape)),
      }
    const constant = recorded?.constant ?? this.#foreign(info)
    const { graph } = this
    const key = `${this.#key(info.dataId)} as ${info.shape}`
    return {
      shape: info.shape,
      type: constant.type,
      constant,
      get view() {
        const { type, label, origin } = constant
        const facts = { type, shape: info.shape, label, origin }
        return viewOf(graph.initializer(key, facts, () => constant.read()))
      },
    }
  }

  /** A constant that a folded kernel made on the home backend; freed with the recording. */
  folded(info: tf.TensorInfo): Constant {
    this.#owned.push(info)
    return this.#onHome(info)
  }

  /** Numbers that the function makes: a constant, or an input of the graph. */
  written(values: tf.BackendValues, shape: readonly number[], dtype: tf.DataType): Recorded {
    if (!this.#lift) return { kind: 'constant', constant: this.#numbers(values, shape, dtype) }
    const name = `number ${this.numbers.size}`
    const value = this.graph.optionalInput(name, elementType(dtype), shape)
    this.numbers.set(value.name, elements(values as tf.TypedArray, dtype))
    return { kind: 'view', view: viewOf(value) }
  }

  #numbers(values: tf.BackendValues, shape: readonly number[], dtype: tf.DataType): Constant {
    const { backend } = this.home
    let info: tf.TensorInfo | undefined
    return {
      shape,
      type: elementType(dtype),
      home: () => {
        if (!info) {
          info = { dataId: backend.write(values, [...shape], dtype), shape: [...shape], dtype }
          this.#owned.push(info)
        }
        return info
      },
      read: () => elements(values as tf.TypedArray, dtype),
    }
  }

  /** Runs something on the home backend. */
  atHome<T>(run: () => T): T {
    void tf.setBackend(this.home.name)
    try {
      return run()
    } finally {
      void tf.setBackend(backendName)
    }
  }

  dispose(): void {
    for (const { dataId } of this.#owned.splice(0)) this.home.backend.disposeData(dataId as object)
  }

  #key(dataId: object): string {
    const label = this.#labels.get(dataId)
    if (label !== undefined) return `weight ${label}`
    const id = this.#keys.get(dataId) ?? `data ${this.#keys.size}`
    this.#keys.set(dataId, id)
    return id
  }

  #foreign(info: tf.TensorInfo): Constant {
    const found = this.#constants.get(info.dataId)
    if (found) return found
    const stored = storedArray(info.dataId)
    const constant = stored ? this.#stored(info, stored) : this.#onHome(info)
    this.#constants.set(info.dataId, constant)
    return constant
  }

  #stored(info: tf.TensorInfo, stored: StoredArray): Constant {
    const { backend } = this.home
    const read = () => readStored(stored)
    let atHome: tf.TensorInfo | undefined
    return {
      shape: info.shape,
      type: elementType(info.dtype),
      label: this.#labels.get(info.dataId),
      origin: originOf(stored.array, stored.shape, stored.order),
      isStored: true,
      home: () => {
        if (!atHome) {
          const values = read() as Float32Array
          atHome = { ...info, dataId: backend.write(values, info.shape, info.dtype) }
          this.#owned.push(atHome)
        }
        return atHome
      },
      read,
    }
  }

  #onHome(info: tf.TensorInfo): Constant {
    const { backend } = this.home
    const label = this.#labels.get(info.dataId)
    const read = () => elements(backend.readSync(info.dataId) as tf.TypedArray, info.dtype)
    return {
      shape: info.shape,
      type: elementType(info.dtype),
      label,
      origin: label === undefined ? undefined : originOf({ read }, info.shape),
      home: () => info,
      read,
    }
  }
}

export function elementType(dtype: tf.DataType): ElementType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype
  throw new UntraceableOperationError({
    operation: `A tensor of ${dtype}`,
    reason: 'graphs hold float32, int32 and bool',
    advice: 'Cast it before.',
  })
}

function elements(values: tf.TypedArray, dtype: tf.DataType): ElementArray {
  if (dtype === 'int32') return Int32Array.from(values)
  if (dtype === 'bool') return Uint8Array.from(values)
  return values instanceof Float32Array ? values : Float32Array.from(values)
}

/** The backend object that TensorFlow.js sees. It holds what each tensor stands for, of one recording at a time. */
export class RecordingBackend extends HoldingBackend<Recorded> {
  recording: Recording | undefined

  /** A tensor for what a kernel made. */
  register(recorded: Recorded): tf.TensorInfo {
    const shape = recorded.kind === 'view' ? shapeOf(recorded.view) : [...recorded.constant.shape]
    const type = recorded.kind === 'view' ? recorded.view.value.type : recorded.constant.type
    return { dataId: this.hold(recorded), shape, dtype: type as tf.DataType }
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): object {
    return this.hold((this.recording as Recording).written(values, shape, dtype))
  }

  override readSync(dataId: object): tf.BackendValues {
    const recorded = this.held(dataId)
    if (recorded?.kind === 'constant') return recorded.constant.read() as tf.BackendValues
    throw new UntraceableOperationError({
      operation: `Reading a tensor (data, dataSync, array, print)${calledAt()}`,
      reason: 'its numbers are not known before the graph runs',
      advice: 'Return the tensor from the traced function, and read the result.',
    })
  }

  override read(dataId: object): Promise<tf.BackendValues> {
    return new Promise((resolve) => resolve(this.readSync(dataId)))
  }
}

/** Where the traced function called the operation: the first line of the stack that is not a library's. */
export function calledAt(): string {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 50
  const frames = new Error().stack?.split('\n').slice(1) ?? []
  Error.stackTraceLimit = limit
  const here = import.meta.url.replace(/[^/]*$/, '').replace(/^file:\/\//, '')
  const own = frames.find((frame) => {
    const ours = frame.includes(here) && !frame.includes('.test.')
    return !ours && !/@tensorflow|node:|<anonymous>/.test(frame)
  })
  const place = own && /\(?([^\s()]+:\d+:\d+)\)?$/.exec(own)?.[1]
  return place ? `, called at ${place}` : ''
}
