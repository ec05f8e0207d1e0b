/**
 * What our kernels for WebAssembly use of the stock backend: its memory, and its own kernels.
 */
import * as tf from '@tensorflow/tfjs-core'

/** The stock backend: tensors are ranges of one heap. */
export interface WasmBackend {
  readonly dataIdMap: { get(dataId: object): { readonly id: number; readonly memoryOffset: number } }
  dataIdNextNumber: number
  readonly wasm: {
    readonly HEAPU8: Uint8Array
    cwrap(name: string, result: null, parameters: readonly ('number' | 'array')[]): NativeFunction
    readonly tfjs: {
      registerTensor(id: number, size: number, memoryOffset: number): void
      disposeData(id: number): void
    }
  }
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo
  incRef(dataId: object): void
  disposeData(dataId: object): boolean
}

export type NativeFunction = (...parameters: (number | boolean | Uint8Array)[]) => void

/** A kernel of ours; its inputs and attributes are those that TensorFlow.js documents for the name. */
export type WasmKernel = (call: {
  readonly inputs: Record<string, tf.TensorInfo>
  readonly attrs: Record<string, unknown>
  readonly backend: WasmBackend
}) => tf.TensorInfo | tf.TensorInfo[]

const ours = new WeakSet<tf.KernelFunc>()

/** Registers a kernel that the stock backend lacks. Twice is as good as once. */
export function addWasmKernel(kernelName: string, kernel: WasmKernel): void {
  const present = tf.getKernel(kernelName, 'wasm')
  if (!present) register({ kernelName, backendName: 'wasm', kernelFunc: asRegistered(kernel) })
}

/**
 * Registers a kernel in place of the stock one. `create` gets the stock kernel, to be run where ours has nothing
 * better. Twice is as good as once.
 */
export function replaceWasmKernel(kernelName: string, create: (stock: WasmKernel) => WasmKernel): void {
  const stock = tf.getKernel(kernelName, 'wasm')
  if (ours.has(stock.kernelFunc)) return
  tf.unregisterKernel(kernelName, 'wasm')
  // its set-up is kept: it binds the native function that the stock kernel calls
  register({ ...stock, kernelFunc: asRegistered(create(stock.kernelFunc as unknown as WasmKernel)) })
}

const asRegistered = (kernel: WasmKernel) => kernel as unknown as tf.KernelFunc

function register(config: tf.KernelConfig): void {
  ours.add(config.kernelFunc)
  tf.registerKernel(config)
}

/** Runs a kernel that is registered for WebAssembly. Its result is yours: `backend.disposeData(result.dataId)`. */
export function runWasmKernel(
  backend: WasmBackend,
  kernelName: string,
  inputs: Record<string, tf.TensorInfo>,
  attrs: Record<string, unknown> = {},
): tf.TensorInfo {
  const kernel = tf.getKernel(kernelName, 'wasm').kernelFunc as unknown as WasmKernel
  return kernel({ inputs, attrs, backend }) as tf.TensorInfo
}

const natives = new WeakMap<WasmBackend, Map<string, NativeFunction>>()

/** A native function of the library. Tensors go in as the numbers by which it knows them, shapes as `shapeBytes`. */
export function nativeFunction(
  backend: WasmBackend,
  name: string,
  parameters: readonly ('number' | 'array')[],
): NativeFunction {
  const known = natives.get(backend) ?? new Map<string, NativeFunction>()
  natives.set(backend, known)
  const native = known.get(name) ?? backend.wasm.cwrap(name, null, parameters)
  known.set(name, native)
  return native
}

export const shapeBytes = (shape: readonly number[]) => new Uint8Array(new Int32Array(shape).buffer)

/** Byte address of a tensor in the heap. */
export const addressOf = (backend: WasmBackend, tensor: tf.TensorInfo) =>
  backend.dataIdMap.get(tensor.dataId).memoryOffset

/** The heap in words of 32 bits, for copying. Only good until something is allocated: the heap may move then. */
export const words = (backend: WasmBackend) => new Int32Array(backend.wasm.HEAPU8.buffer)

/** The numbers of a float32 tensor, in place. Only good until something is allocated. */
export function values(backend: WasmBackend, tensor: tf.TensorInfo): Float32Array {
  const size = tf.util.sizeFromShape(tensor.shape)
  return new Float32Array(backend.wasm.HEAPU8.buffer, addressOf(backend, tensor), size)
}

/** Lets native functions see `size` numbers from an address as a tensor while `use` runs. */
export function withAlias<T>(backend: WasmBackend, address: number, size: number, use: (id: number) => T): T {
  const id = backend.dataIdNextNumber++
  backend.wasm.tfjs.registerTensor(id, size, address)
  try {
    return use(id)
  } finally {
    // frees no memory, but what the library derived from these numbers
    backend.wasm.tfjs.disposeData(id)
  }
}
