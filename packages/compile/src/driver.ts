import * as tf from '@tensorflow/tfjs-core'
import { RuntimeUnavailableError } from './errors.ts'
import { type OnnxRuntimeNodeOptions, onnxRuntimeNode } from './node.ts'

/**
 * A driver for `startBackend` of `@guided-diffusion/backends`: weights in plain memory, on the `cpu` backend of
 * TensorFlow.js, for programs whose steps run as graphs (see `compiledSteps`). Whatever runs eagerly beside them is slow.
 */
export function onnx(options: OnnxRuntimeNodeOptions = {}) {
  return {
    name: 'onnx',
    needs: 'the packages onnxruntime-node and @tensorflow/tfjs-backend-cpu',
    async start() {
      const { description } = await onnxRuntimeNode(options)
      try {
        await import('@tensorflow/tfjs-backend-cpu')
      } catch (cause) {
        throw new RuntimeUnavailableError({
          reason: '@tensorflow/tfjs-backend-cpu, which holds weights, is not installed',
          advice: 'Install it: npm install @tensorflow/tfjs-backend-cpu.',
          cause,
        })
      }
      await tf.setBackend('cpu')
      await tf.ready()
      return { backend: 'cpu', description, kernels: [], trains: false }
    },
  }
}
