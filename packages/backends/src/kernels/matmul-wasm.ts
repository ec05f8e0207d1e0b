/**
 * Matrix products for WebAssembly. The stock kernel is fast for one pair of matrices, neither transposed, and some
 * ten times slower for all else. So transposed factors are turned first, and batches go one pair at a time.
 */
import * as tf from '@tensorflow/tfjs-core'
import {
  addressOf,
  nativeFunction,
  replaceWasmKernel,
  runWasmKernel,
  shapeBytes,
  type WasmBackend,
  withAlias,
} from './wasm-backend.ts'

/** Below so many multiplications a pair, preparing it costs more than the slow product. */
const smallest = 8192

/** Registers `BatchMatMul`. */
export function registerMatMul(): void {
  replaceWasmKernel('BatchMatMul', (stock) => (call) => {
    const { inputs, attrs, backend } = call
    const { a, b } = inputs as { a: tf.TensorInfo; b: tf.TensorInfo }
    const { transposeA, transposeB } = attrs as { transposeA: boolean; transposeB: boolean }
    const [outerA, [m, k]] = matrices(a, transposeA)
    const [outerB, [, n]] = matrices(b, transposeB)
    const [batchA, batchB] = [tf.util.sizeFromShape(outerA), tf.util.sizeFromShape(outerB)]
    const outer = tf.broadcast_util.assertAndGetBroadcastShape(outerA, outerB)
    const plain = !transposeA && !transposeB && batchA === 1 && batchB === 1
    const pairwise = tf.util.sizeFromShape(outer) === batchA && (batchB === batchA || batchB === 1)
    const float = a.dtype === 'float32' && b.dtype === 'float32'
    if (plain || !pairwise || !float || m * k * n < smallest) return stock(call)
    const left = transposeA ? transposed(backend, a, batchA) : a
    const right = transposeB ? transposed(backend, b, batchB) : b
    const out = backend.makeOutput([...outer, m, n], 'float32')
    // one matrix on the right: those on the left are one tall matrix
    const [pairs, rows] = batchB === 1 ? [1, batchA * m] : [batchB, m]
    multiplyPairs(backend, { left, right, out }, { pairs, rows, k, n })
    if (transposeA) backend.disposeData(left.dataId)
    if (transposeB) backend.disposeData(right.dataId)
    return out
  })
}

/** The dimensions before the last two, and those two as the product sees them. */
function matrices(tensor: tf.TensorInfo, transpose: boolean): [number[], [number, number]] {
  const [rows, columns] = tensor.shape.slice(-2) as [number, number]
  return [tensor.shape.slice(0, -2), transpose ? [columns, rows] : [rows, columns]]
}

function transposed(backend: WasmBackend, tensor: tf.TensorInfo, batch: number): tf.TensorInfo {
  const shape = [batch, ...tensor.shape.slice(-2)]
  return runWasmKernel(backend, 'Transpose', { x: { ...tensor, shape } }, { perm: [0, 2, 1] })
}

/** out_i = left_i right_i for each pair: `[pairs, rows, k]`, `[pairs, k, n]` → `[pairs, rows, n]`. */
function multiplyPairs(
  backend: WasmBackend,
  tensors: { left: tf.TensorInfo; right: tf.TensorInfo; out: tf.TensorInfo },
  { pairs, rows, k, n }: { pairs: number; rows: number; k: number; n: number },
): void {
  const { left, right, out } = tensors
  const multiply = multiplication(backend, { rows, k, n })
  if (pairs === 1) {
    const [a, b, c] = [left, right, out].map((each) => backend.dataIdMap.get(each.dataId).id) as [
      number,
      number,
      number,
    ]
    multiply(a, b, c)
    return
  }
  const [a, b, c] = [left, right, out].map((each) => addressOf(backend, each)) as [number, number, number]
  for (let pair = 0; pair < pairs; pair++) {
    withAlias(backend, a + 4 * pair * rows * k, rows * k, (leftId) =>
      withAlias(backend, b + 4 * pair * k * n, k * n, (rightId) =>
        withAlias(backend, c + 4 * pair * rows * n, rows * n, (outId) => multiply(leftId, rightId, outId)),
      ),
    )
  }
}

/** The library's product of two matrices of one size, by the numbers under which it knows them. */
export function multiplication(
  backend: WasmBackend,
  { rows, k, n }: { rows: number; k: number; n: number },
): (left: number, right: number, out: number) => void {
  const native = nativeFunction(backend, 'BatchMatMul', parameters)
  const [leftShape, rightShape] = [shapeBytes([1, rows, k]), shapeBytes([1, k, n])]
  return (left, right, out) => native(left, leftShape, 3, right, rightShape, 3, false, false, out)
}

const parameters = [
  'number',
  'array',
  'number',
  'number',
  'array',
  'number',
  'number',
  'number',
  'number',
] as const
