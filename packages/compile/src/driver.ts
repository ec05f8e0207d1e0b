import * as tf from '@tensorflow/tfjs-core'
import { RuntimeUnavailableError } from './errors.ts'
import { type OnnxRuntimeNodeOptions, onnxRuntimeNode } from './node.ts'
import { onnxProviders } from './onnx-providers.ts'

/**
 * A driver for `startBackend` of `@guided-diffusion/backends`: weights in plain memory, on the `cpu` backend of
 * TensorFlow.js, for programs whose steps run as graphs (see `compiledSteps`). Whatever runs eagerly beside them is slow.
 * It is called `onnx`, and `onnx-webgpu` with that provider.
 */
export function onnx(options: OnnxRuntimeNodeOptions = {}) {
  const { provider = 'cpu' } = options
  const packages = 'the packages onnxruntime-node and @tensorflow/tfjs-backend-cpu'
  return {
    name: provider === 'cpu' ? 'onnx' : `onnx-${provider}`,
    needs:
      provider === 'cpu'
        ? packages
        : `a graphics card with a driver for Vulkan, Metal or Direct3D 12, and ${packages}`,
    async start() {
      if (provider !== 'cpu') await requireProvider(provider)
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

async function requireProvider(provider: string): Promise<void> {
  const tried = (await onnxProviders()).find(({ name }) => name === provider)
  if (!tried || tried.available) return
  throw new RuntimeUnavailableError({
    reason: `its provider ${provider} does not start: ${tried.reason}`,
    advice: "Install the driver of the graphics card, or take provider: 'cpu'.",
  })
}
