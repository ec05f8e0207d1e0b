/**
 * Matrix products for WebGPU: the stock kernel, but for a right factor that is transposed where the sum is long. Where a
 * product has few numbers and sums 2000 or more, TensorFlow.js 4.22 splits the sum, by a program that reads four numbers at
 * a time along the wrong side of a transposed factor. So that factor is turned first.
 */
import * as tf from '@tensorflow/tfjs-core'
import { replaceWebGpuKernel, type WebGpuBackend, type WebGpuKernel } from './webgpu-backend.ts'

/** Terms from which the stock kernel may split a sum. */
const longSum = 2000

/** Registers `BatchMatMul` and `_FusedMatMul`. */
export function registerMatMul(): void {
  const turning =
    (stock: WebGpuKernel): WebGpuKernel =>
    (call) => {
      const { inputs, attrs, backend } = call
      const b = inputs.b as tf.TensorInfo
      const [columns, terms] = b.shape.slice(-2) as [number, number]
      const isOne = tf.util.sizeFromShape(b.shape) === columns * terms
      if (!attrs.transposeB || !isOne || columns % 4 !== 0 || terms < longSum) return stock(call)
      const turned = transposed(backend, b)
      const product = stock({
        ...call,
        inputs: { ...inputs, b: turned },
        attrs: { ...attrs, transposeB: false },
      })
      backend.disposeData(turned.dataId)
      return product
    }
  replaceWebGpuKernel('BatchMatMul', turning)
  replaceWebGpuKernel('_FusedMatMul', turning)
}

/** The last two dimensions change places. */
function transposed(backend: WebGpuBackend, x: tf.TensorInfo): tf.TensorInfo {
  const rank = x.shape.length
  const perm = [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2]
  const { kernelFunc } = tf.getKernel('Transpose', 'webgpu')
  return kernelFunc({ inputs: { x }, backend, attrs: { perm } }) as tf.TensorInfo
}
