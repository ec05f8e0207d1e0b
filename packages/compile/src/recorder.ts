/** Registers the recording kernels: what an operation of TensorFlow.js becomes in a graph. */
import * as tf from '@tensorflow/tfjs-core'
import { UntraceableOperationError } from './errors.ts'
import { type GraphBuilder, sizeOf } from './graph.ts'
import { kernels } from './kernels/all.ts'
import {
  backendName,
  type Constant,
  calledAt,
  type Operand,
  type Recorded,
  type Recording,
  RecordingBackend,
} from './recording-backend.ts'
import type { View } from './view.ts'

/** Writes one operation into the graph. Each kernel declares the attributes that TensorFlow.js gives its operation. */
export type Kernel = (
  graph: GraphBuilder,
  inputs: Readonly<Record<string, Operand>>,
  attributes: never,
) => View | readonly View[]

let backend: RecordingBackend | undefined
const registered = new Set<string>()

/** The recording backend with a kernel for every operation that the home backend has. */
export function recordingBackend(home: string): RecordingBackend {
  if (!backend) {
    backend = new RecordingBackend()
    const instance = backend
    tf.registerBackend(backendName, () => instance, 0)
  }
  const known = [
    ...Object.keys(kernels),
    ...tf.getKernelsForBackend(home).map(({ kernelName }) => kernelName),
  ]
  for (const kernelName of known) {
    if (registered.has(kernelName)) continue
    registered.add(kernelName)
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) => record(kernelName, inputs as tf.NamedTensorInfoMap, attrs ?? {}),
    })
  }
  return backend
}

function record(
  name: string,
  inputs: tf.NamedTensorInfoMap,
  attrs: tf.NamedAttrMap,
): tf.TensorInfo | tf.TensorInfo[] {
  const instance = backend as RecordingBackend
  const recording = instance.recording as Recording
  const named = Object.entries(inputs).flatMap(([key, input]) =>
    (Array.isArray(input) ? input : [input]).map(
      (info, i) => [Array.isArray(input) ? `${key}${i}` : key, info] as const,
    ),
  )
  const operands = Object.fromEntries(
    named.flatMap(([key, info]) =>
      info ? [[key, recording.operand(info, instance.held(info.dataId))] as const] : [],
    ),
  )
  const made = Object.values(operands).every(({ constant }) => constant)
    ? fold(recording, name, operands, attrs, inputs)
    : undefined
  if (made) return wrap(instance, made)
  const kernel = kernels[name]
  if (!kernel) {
    throw new UntraceableOperationError({
      operation: `${name}${calledAt()}`,
      reason: 'it has no counterpart in a graph yet',
      advice:
        'Write it in terms of traced operations (see the table in the README), or run this part eagerly.',
    })
  }
  const result = kernel(recording.graph, operands, attrs as never)
  const views = Array.isArray(result) ? (result as readonly View[]) : [result as View]
  const infos = views.map((view) => instance.register({ kind: 'view', view }))
  return Array.isArray(result) ? infos : (infos[0] as tf.TensorInfo)
}

type Folded = { readonly many: boolean; readonly recorded: readonly Recorded[] }

/** Computes an operation on constants at once, on the home backend. */
function fold(
  recording: Recording,
  name: string,
  operands: Readonly<Record<string, Operand>>,
  attrs: tf.NamedAttrMap,
  inputs: tf.NamedTensorInfoMap,
): Folded | undefined {
  const renamed = reshaped(name, Object.values(operands), attrs)
  if (renamed) return { many: false, recorded: [{ kind: 'constant', constant: renamed }] }
  const kernel = tf.getKernel(name, recording.home.name)
  if (!kernel) return undefined
  const onHome = Object.fromEntries(
    Object.entries(inputs).map(([key, input]) => [
      key,
      Array.isArray(input) ? input.map((_, i) => homeInfo(operands[`${key}${i}`])) : homeInfo(operands[key]),
    ]),
  )
  const result = recording.atHome(() =>
    kernel.kernelFunc({
      inputs: onHome as tf.NamedTensorInfoMap,
      attrs,
      backend: recording.home.backend,
    }),
  )
  const infos = Array.isArray(result) ? result : [result]
  const recorded = infos.map((info) => ({ kind: 'constant' as const, constant: recording.folded(info) }))
  return { many: Array.isArray(result), recorded }
}

/** A constant that lies in a file, in another shape: it need not be read for that. */
function reshaped(name: string, [operand]: readonly Operand[], attrs: tf.NamedAttrMap): Constant | undefined {
  const constant = operand?.constant
  if (!constant?.isStored) return undefined
  if (name === 'Identity') return constant
  if (name !== 'Reshape') return undefined
  const shape = tf.util.inferFromImplicitShape(attrs.shape as number[], sizeOf(constant.shape))
  return { ...constant, shape }
}

const homeInfo = (operand: Operand | undefined) =>
  operand && { ...operand.constant?.home(), shape: [...operand.shape] }

function wrap(instance: RecordingBackend, { many, recorded }: Folded): tf.TensorInfo | tf.TensorInfo[] {
  const infos = recorded.map((each) => instance.register(each))
  return many ? infos : (infos[0] as tf.TensorInfo)
}
