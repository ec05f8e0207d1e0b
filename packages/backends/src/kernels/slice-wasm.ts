/**
 * Parts of tensors for WebAssembly. The stock kernels copy the whole tensor out of the heap for each part: taking a
 * vector of all parameters to pieces costs its length times the number of pieces.
 */
import * as tf from '@tensorflow/tfjs-core'
import { addressOf, replaceWasmKernel, type WasmBackend, words } from './wasm-backend.ts'

/** Registers `Slice`, `SplitV` and `Identity`. */
export function registerSlice(): void {
  replaceWasmKernel('Slice', (stock) => (call) => {
    const { inputs, attrs, backend } = call
    const x = inputs.x as tf.TensorInfo
    if (!isWord(x)) return stock(call)
    const { begin, size } = attrs as { begin: number | number[]; size: number | number[] }
    const [from, shape] = tf.slice_util.parseSliceParams(x, begin, size) as [number[], number[]]
    return cut(backend, x, from, shape)
  })
  replaceWasmKernel('SplitV', (stock) => (call) => {
    const { inputs, attrs, backend } = call
    const x = inputs.x as tf.TensorInfo
    if (!isWord(x)) return stock(call)
    const axis = tf.util.parseAxisParam(attrs.axis as number, x.shape)[0] as number
    const sizes = tf.backend_util.prepareSplitSize(
      x as tf.Tensor,
      attrs.numOrSizeSplits as number | number[],
      axis,
    )
    let start = 0
    return sizes.map((size) => {
      const begin = x.shape.map((_, i) => (i === axis ? start : 0))
      start += size
      return cut(
        backend,
        x,
        begin,
        x.shape.map((length, i) => (i === axis ? size : length)),
      )
    })
  })
  replaceWasmKernel('Identity', (stock) => (call) => {
    const x = call.inputs.x as tf.TensorInfo
    if (!isWord(x)) return stock(call)
    // the same numbers under a second owner, as the other backends have it
    call.backend.incRef(x.dataId)
    return { ...x }
  })
}

/** Numbers of 32 bits. */
const isWord = ({ dtype }: tf.TensorInfo) => dtype === 'float32' || dtype === 'int32'

/** The block of that shape that begins there. */
function cut(
  backend: WasmBackend,
  x: tf.TensorInfo,
  begin: readonly number[],
  shape: readonly number[],
): tf.TensorInfo {
  const out = backend.makeOutput([...shape], x.dtype)
  if (tf.util.sizeFromShape(out.shape) === 0) return out
  // what lies behind this axis is whole: one run of numbers
  let axis = shape.length - 1
  while (axis > 0 && shape[axis] === x.shape[axis]) axis--
  const strides = [...tf.util.computeStrides(x.shape), 1]
  const run = shape.slice(Math.max(axis, 0)).reduce((product, length) => product * length, 1)
  const outer = shape.slice(0, Math.max(axis, 0))
  const index = outer.map(() => 0)
  const origin = begin.reduce((sum, at, i) => sum + at * (strides[i] as number), addressOf(backend, x) / 4)
  const heap = words(backend)
  let target = addressOf(backend, out) / 4
  for (;;) {
    copyRun(
      heap,
      target,
      index.reduce((sum, at, i) => sum + at * (strides[i] as number), origin),
      run,
    )
    target += run
    let i = outer.length - 1
    while (i >= 0 && ++(index[i] as number) === outer[i]) index[i--] = 0
    if (i < 0) return out
  }
}

/** `copyWithin` costs as much as some twenty numbers. */
function copyRun(heap: Int32Array, target: number, source: number, run: number): void {
  if (run > 24) heap.copyWithin(target, source, source + run)
  else for (let i = 0; i < run; i++) heap[target + i] = heap[source + i] as number
}
