import type { Dtype, DtypeArrays } from './dtype.ts'

/** One tensor in memory, elements in row-major order, in the layout of the file. */
export type WeightTensor = {
  [D in Dtype]: { readonly dtype: D; readonly shape: readonly number[]; readonly data: DtypeArrays[D] }
}[Dtype]

/** What a file says about a tensor before it is read. */
export interface TensorInfo {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** Size of its elements once read. */
  readonly bytes: number
  /** An earlier tensor of the file that has the very same elements: tied weights. */
  readonly sameAs?: string
}

/** A value that stands beside the tensors of a PyTorch file: a step count, a learning rate, a name. */
export type PlainValue = null | boolean | number | bigint | string | Uint8Array | PlainList | PlainRecord
export interface PlainList extends ReadonlyArray<PlainValue> {}
export interface PlainRecord {
  readonly [key: string]: PlainValue
}

/** A whole set of weights in memory. */
export interface Weights {
  readonly tensors: ReadonlyMap<string, WeightTensor>
  readonly metadata: Readonly<Record<string, string>>
  /** What a PyTorch file holds beside tensors; empty for other formats. */
  readonly values: PlainRecord
}

export type WeightsFormat = 'safetensors' | 'torch-zip' | 'torch-legacy' | 'npz' | 'npy'

/** An open weight file. The directory is known; each tensor is read when it is asked for. */
export interface WeightsReader {
  /** What the file is called in messages: its path, its address, or `bytes`. */
  readonly name: string
  readonly format: WeightsFormat
  /** Length of the file in bytes. */
  readonly size: number
  /** All tensors, in the order in which they lie in the file. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** The text pairs of a safetensors header; empty for other formats. */
  readonly metadata: Readonly<Record<string, string>>
  /** What a PyTorch file holds beside tensors; empty for other formats. */
  readonly values: PlainRecord
  /**
   * Reads one tensor. Any number may be read at once. The data of a reader over a `Uint8Array` may share its
   * memory; otherwise it is yours.
   *
   * @throws TensorNotFoundError for a name that is not in `tensors`
   */
  read(name: string, options?: { signal?: AbortSignal | undefined }): Promise<WeightTensor>
  /**
   * Where in the file the elements of a tensor lie just as `read` gives them, so that they can be mapped; undefined where
   * they are none, strided, in the other order of bytes, or in an .npz or .npy file.
   *
   * @throws TensorNotFoundError for a name that is not in `tensors`
   */
  place(name: string, options?: { signal?: AbortSignal | undefined }): Promise<TensorPlace | undefined>
  /** Closes the file. Reading afterwards fails. A second call is harmless. */
  close(): Promise<void>
}

/** A run of bytes of a file. */
export interface TensorPlace {
  readonly offset: number
  readonly length: number
}

/** Bytes that have arrived, of bytes that there are. */
export interface Progress {
  readonly loaded: number
  readonly total: number
}

/** A tensor of 32-bit floats. */
export function float32Tensor(shape: readonly number[], data: Float32Array): WeightTensor {
  return { dtype: 'float32', shape, data }
}
