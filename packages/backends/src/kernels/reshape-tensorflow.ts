/**
 * Reshape for native TensorFlow. Gradients of sums and products reshape whatever they return, mostly to the shape that
 * it has: of 1,500 calls in a training step more than half. Those need not reach the library.
 */
import * as tf from '@tensorflow/tfjs-core'

type Stock = (call: {
  inputs: tf.NamedTensorInfoMap
  backend: unknown
  attrs?: tf.NamedAttrMap
}) => tf.TensorInfo

const ours = new WeakSet<tf.KernelFunc>()

/** Registers `Reshape` in place of the stock kernel, which still does what changes the shape. */
export function registerReshape(): void {
  const config = tf.getKernel('Reshape', 'tensorflow')
  if (ours.has(config.kernelFunc)) return
  const stock = config.kernelFunc as Stock
  const kernelFunc: tf.KernelFunc = ({ inputs, attrs, backend }) => {
    const x = inputs.x as tf.TensorInfo
    const { shape } = attrs as unknown as { shape: number[] }
    if (!tf.util.arraysEqual(x.shape, shape)) return stock({ inputs, attrs: { shape }, backend })
    const { incRef } = backend as { incRef(dataId: object): void }
    incRef.call(backend, x.dataId)
    return { dataId: x.dataId, shape: [...shape], dtype: x.dtype }
  }
  ours.add(kernelFunc)
  tf.unregisterKernel('Reshape', 'tensorflow')
  tf.registerKernel({ ...config, kernelFunc })
}
