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
  /** Numbers that the elements of the output and of each input have: 1, or 4. */
  readonly outputComponent?: 1 | 4
  readonly variableComponents?: (1 | 4)[]
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
  /** Which inputs are arrays of `vec4<f32>`, and whether `result` is. */
  readonly fours?: readonly string[]
  readonly shape: readonly number[]
  readonly workgroups: number
  readonly threads: number
  readonly integers?: Readonly<Record<string, number>>
  /** Asked for when it is compiled, once. */
  readonly code: () => string
  /** Written to instead of a new tensor of this shape: by several programs in turn, each its part. */
  readonly output?: tf.TensorInfo
}

/** Runs a program. A new result is yours: `backend.disposeData(result.dataId)`. */
export function runProgram(backend: WebGpuBackend, program: Program): tf.TensorInfo {
  const { key, inputs, shape, workgroups, threads, integers = {}, code, output, fours = [] } = program
  const components = (name: string) => (fours.includes(name) ? 4 : 1)
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
      outputComponent: components('result'),
      variableComponents: Object.keys(inputs).map(components),
      getUserCode: code,
    },
    Object.values(inputs),
    'float32',
    Object.values(integers).map((value) => ({ type: 'int32', data: [value] })),
    output,
  )
}

const ours = new WeakSet<tf.KernelFunc>()

/** Registers a kernel that the stock backend lacks. Twice is as good as once. */
export function addWebGpuKernel(kernelName: string, kernel: WebGpuKernel): void {
  if (!tf.getKernel(kernelName, 'webgpu')) register(kernelName, kernel)
}

/**
 * Registers a kernel in place of the stock one. `create` gets the stock kernel, to be run where ours has nothing
 * better. Twice is as good as once.
 */
export function replaceWebGpuKernel(kernelName: string, create: (stock: WebGpuKernel) => WebGpuKernel): void {
  const { kernelFunc } = tf.getKernel(kernelName, 'webgpu')
  if (ours.has(kernelFunc)) return
  tf.unregisterKernel(kernelName, 'webgpu')
  register(kernelName, create(kernelFunc as unknown as WebGpuKernel))
}

function register(kernelName: string, kernel: WebGpuKernel): void {
  const kernelFunc = kernel as unknown as tf.KernelFunc
  ours.add(kernelFunc)
  tf.registerKernel({ kernelName, backendName: 'webgpu', kernelFunc })
}

export type Precision = 'float32' | 'float16'

const precisions = new WeakMap<object, Precision>()

/** What kernels that know both compute in on a backend. */
export const precisionOf = (backend: object): Precision => precisions.get(backend) ?? 'float32'

export function setPrecision(backend: object, precision: Precision): void {
  precisions.set(backend, precision)
}

/**
 * Lets programs say `enable`: WGSL wants that before all else, and the stock backend puts declarations of its own before
 * the code of a program.
 */
export function acceptEnables(device: GPUDevice): void {
  const create = device.createShaderModule.bind(device)
  const enables = /^enable .+;$/gm
  device.createShaderModule = ({ code, ...descriptor }) =>
    create({ ...descriptor, code: [...(code.match(enables) ?? []), code.replace(enables, '')].join('\n') })
}
