/**
 * Matrix products for WebGPU: the stock kernel, but for a right factor that is transposed where the sum is long. There
 * TensorFlow.js 4.22 takes its program that splits the sum (from 2000 terms on), which reads four numbers at a time along
 * the wrong side of a transposed factor. So that factor is turned first.
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
      if (!attrs.transposeB || (b.shape.at(-1) as number) < longSum) return stock(call)
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
