/**
 * Sums and means for WebAssembly, added up in float64. The stock kernels add float32 numbers one after another (a sum
 * of a million keeps three digits) and turn the tensor first unless its last axes are summed.
 */
import * as tf from '@tensorflow/tfjs-core'
import { replaceWasmKernel, runWasmKernel, values, type WasmBackend } from './wasm-backend.ts'

/** Registers `Sum` and `Mean`. */
export function registerReductions(): void {
  for (const name of ['Sum', 'Mean'] as const) {
    replaceWasmKernel(name, (stock) => (call) => {
      const { inputs, attrs, backend } = call
      const x = inputs.x as tf.TensorInfo
      const axes = tf.util.parseAxisParam(attrs.axis as number | number[], x.shape).sort((a, b) => a - b)
      const neighbours = axes.every((axis, i) => i === 0 || axis === (axes[i - 1] as number) + 1)
      if (x.dtype !== 'float32' || !neighbours) return stock(call)
      return reduce(backend, x, axes, { mean: name === 'Mean', keepDims: Boolean(attrs.keepDims) })
    })
  }
}

function reduce(
  backend: WasmBackend,
  x: tf.TensorInfo,
  axes: readonly number[],
  { mean, keepDims }: { mean: boolean; keepDims: boolean },
): tf.TensorInfo {
  const first = axes[0] ?? x.shape.length
  const before = tf.util.sizeFromShape(x.shape.slice(0, first))
  const summed = tf.util.sizeFromShape(x.shape.slice(first, first + axes.length))
  const behind = tf.util.sizeFromShape(x.shape.slice(first + axes.length))
  const sums = sumMiddle(backend, x, { before, summed, behind })
  const kept = x.shape.flatMap((length, i) => (axes.includes(i) ? (keepDims ? [1] : []) : [length]))
  const out = backend.makeOutput(kept, 'float32')
  values(backend, out).set(mean ? sums.map((sum) => sum / summed) : sums)
  return out
}

/**
 * Sums over the middle of `[before, summed, behind]`: `[before · behind]`. Where there is much to add, the library's
 * pooling adds up to 1,024 numbers at a time, which is some ten times faster.
 */
export function sumMiddle(
  backend: WasmBackend,
  x: tf.TensorInfo,
  { before, summed, behind }: { before: number; summed: number; behind: number },
): Float64Array {
  const run = behind < 8 ? 1 : largestDivisor(summed, 1024)
  const pooled = run < 16 ? undefined : pool(backend, x, { windows: (before * summed) / run, run, behind })
  const from = values(backend, pooled ?? x)
  const steps = pooled ? summed / run : summed
  const sums = new Float64Array(before * behind)
  if (behind === 1) for (let i = 0; i < before; i++) sums[i] = sumOfRun(from, i * steps, steps)
  else {
    for (let i = 0; i < before; i++) {
      addRows(from, i * steps * behind, steps, sums.subarray(i * behind, (i + 1) * behind))
    }
  }
  if (!pooled) return sums
  backend.disposeData(pooled.dataId)
  return sums.map((sum) => sum * run)
}

/** Means over windows of neighbours: `[windows · run, behind]` → `[windows, behind]`. */
function pool(
  backend: WasmBackend,
  x: tf.TensorInfo,
  { windows, run, behind }: { windows: number; run: number; behind: number },
): tf.TensorInfo {
  const attrs = { filterSize: [run, 1], strides: [1, 1], pad: 'valid', dimRoundingMode: undefined }
  return runWasmKernel(backend, 'AvgPool', { x: { ...x, shape: [windows, run, 1, behind] } }, attrs)
}

function largestDivisor(value: number, limit: number): number {
  for (let divisor = Math.min(value, limit); divisor > 1; divisor--) if (value % divisor === 0) return divisor
  return 1
}

function addRows(from: Float32Array, start: number, rows: number, sums: Float64Array): void {
  for (let row = 0, at = start; row < rows; row++) {
    for (let j = 0; j < sums.length; j++, at++) sums[j] = (sums[j] as number) + (from[at] as number)
  }
}

/** Four sums at a time: one alone would wait for each addition. */
function sumOfRun(from: Float32Array, start: number, length: number): number {
  let [a, b, c, d] = [0, 0, 0, 0]
  const end = start + length
  let i = start
  for (; i + 3 < end; i += 4) {
    a += from[i] as number
    b += from[i + 1] as number
    c += from[i + 2] as number
    d += from[i + 3] as number
  }
  for (; i < end; i++) a += from[i] as number
  return a + b + (c + d)
}
