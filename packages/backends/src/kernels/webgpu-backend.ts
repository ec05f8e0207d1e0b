/**
 * What our kernels for WebGPU use of the stock backend: it runs programs in WGSL on tensors, one output each.
 */
import * as tf from '@tensorflow/tfjs-core'

/** The stock backend. */
export interface WebGpuBackend {
  makeTensorInfo(shape: number[], dtype: tf.DataType): tf.TensorInfo
  runWebGPUProgram(
    program: StockProgram,
    inputs: tf.TensorInfo[],
    dtype: tf.DataType,
    uniforms?: { type: 'int32' | 'float32'; data: number[] }[],
    output?: tf.TensorInfo,
  ): tf.TensorInfo
  disposeData(dataId: object): boolean
}

interface StockProgram {
  readonly variableNames: string[]
  readonly uniforms?: string
  readonly outputShape: number[]
  readonly dispatchLayout: { x: number[] }
  readonly dispatch: [number, number, number]
  readonly workgroupSize: [number, number, number]
  readonly shaderKey: string
  getUserCode(): string
}

/** A kernel of ours; its inputs and attributes are those that are documented for the name. */
export type WebGpuKernel = (call: {
  readonly inputs: Record<string, tf.TensorInfo>
  readonly attrs: Record<string, unknown>
  readonly backend: WebGpuBackend
}) => tf.TensorInfo | tf.TensorInfo[]

/**
 * A program. Its code has the inputs as arrays under their names, `uniforms.<name>Shape` for their shapes, the output as
 * `result` and `uniforms.outShape`, the numbers as `uniforms.<name>`, and `localIndex` from 0 to `threads` − 1. The
 * function `main(index : i32)` gets workgroup · threads + localIndex. There may be more workgroups than were asked for.
 */
export interface Program {
  /** Names the code: equal keys must have equal code. */
  readonly key: string
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>
  readonly shape: readonly number[]
  readonly workgroups: number
  readonly threads: number
  readonly integers?: Readonly<Record<string, number>>
  readonly code: string
  /** Written to instead of a new tensor of this shape: by several programs in turn, each its part. */
  readonly output?: tf.TensorInfo
}

/** Runs a program. A new result is yours: `backend.disposeData(result.dataId)`. */
export function runProgram(backend: WebGpuBackend, program: Program): tf.TensorInfo {
  const { key, inputs, shape, workgroups, threads, integers = {}, code, output } = program
  const names = Object.keys(integers)
  return backend.runWebGPUProgram(
    {
      variableNames: Object.keys(inputs),
      ...(names.length > 0 ? { uniforms: names.map((name) => `${name} : i32,`).join(' ') } : {}),
      outputShape: [...shape],
      dispatchLayout: { x: shape.map((_, axis) => axis) },
      dispatch: [workgroups, 1, 1],
      workgroupSize: [threads, 1, 1],
      shaderKey: `Guided ${key}`,
      getUserCode: () => code,
    },
    Object.values(inputs),
    'float32',
    Object.values(integers).map((value) => ({ type: 'int32', data: [value] })),
    output,
  )
}

/** Registers a kernel that the stock backend lacks. Twice is as good as once. */
export function addWebGpuKernel(kernelName: string, kernel: WebGpuKernel): void {
  if (tf.getKernel(kernelName, 'webgpu')) return
  tf.registerKernel({
    kernelName,
    backendName: 'webgpu',
    kernelFunc: kernel as unknown as tf.KernelFunc,
  })
}
