import { type Dtype, type DtypeArrays, dtypeBytes, elementCount, elementsOf } from './dtype.ts'
import { isRowMajor, rowMajor } from './strided.ts'

/** A run of bytes that tensors are views of. */
export class TorchStorage {
  /** The name under which the file keeps its bytes. */
  readonly key: string
  readonly dtype: Dtype | 'untyped'
  /** Its length in elements; of an untyped one in bytes. */
  readonly elements: number
  /** The part of the storage that this is, in elements. */
  readonly first: number
  readonly length: number

  constructor(key: string, dtype: Dtype | 'untyped', elements: number, first = 0, length = elements) {
    this.key = key
    this.dtype = dtype
    this.elements = elements
    this.first = first
    this.length = length
  }

  /** A storage that is a part of this one. */
  part(first: number, length: number): TorchStorage {
    return new TorchStorage(this.key, this.dtype, this.elements, first, length)
  }

  get elementBytes(): number {
    return this.dtype === 'untyped' ? 1 : dtypeBytes(this.dtype)
  }

  get bytes(): number {
    return this.elements * this.elementBytes
  }
}

/** A view of a storage: element (i, j, …) lies at offset + i · strides[0] + j · strides[1] + … */
export class TorchTensor {
  readonly storage: TorchStorage
  readonly dtype: Dtype
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]

  constructor(view: {
    storage: TorchStorage
    dtype: Dtype
    offset: number
    shape: readonly number[]
    strides: readonly number[]
  }) {
    this.storage = view.storage
    this.dtype = view.dtype
    this.offset = view.offset
    this.shape = view.shape
    this.strides = view.strides
  }

  /** Number of elements. Only after `problem` has said that there is none. */
  get count(): number {
    return elementCount(this.shape) as number
  }

  get bytes(): number {
    return this.count * dtypeBytes(this.dtype)
  }

  /** Number of storage elements from the first to the last that the view touches. */
  get span(): number {
    if (this.count === 0) return 0
    return this.shape.reduce((span, size, axis) => span + (size - 1) * (this.strides[axis] as number), 1)
  }

  /** The bytes of the storage that the view touches. */
  get range(): { start: number; end: number } {
    const size = dtypeBytes(this.dtype)
    const start = this.storage.first * this.storage.elementBytes + this.offset * size
    return { start, end: start + this.span * size }
  }

  /** Whether the elements lie row by row, without gaps. */
  get isContiguous(): boolean {
    return isRowMajor(this.shape, this.strides, this.count)
  }

  /** Same elements in the same order; such tensors can share memory. */
  get identity(): string {
    const { storage, dtype, offset, shape, strides } = this
    return `${storage.key}:${storage.first}:${dtype}:${offset}:${shape}:${strides}`
  }

  /** What contradicts the storage, if anything. */
  get problem(): string | undefined {
    const { storage, shape, strides, offset } = this
    if (shape.length !== strides.length) return `has ${shape.length} sizes and ${strides.length} strides`
    if (elementCount(shape) === undefined) return `has the impossible shape [${shape}]`
    if (!Number.isSafeInteger(this.bytes)) return `has the impossible shape [${shape}]`
    if (storage.first + storage.length > storage.elements) return 'is a part of more than its storage'
    const needed = (offset + this.span) * dtypeBytes(this.dtype)
    const there = storage.length * storage.elementBytes
    if (this.count > 0 && !(needed <= there)) return `needs ${needed} bytes of a storage that has ${there}`
    return undefined
  }

  /** The elements in row-major order, from the bytes of `range`. */
  elements(bytes: Uint8Array): DtypeArrays[Dtype] {
    return rowMajor(elementsOf(this.dtype, bytes), this.shape, this.strides)
  }
}
