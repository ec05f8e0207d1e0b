/** A UNet of ours on a backend of TensorFlow.js as it comes, started without `@guided-diffusion/backends`. */
import util from 'node:util'
import { countParameters, createUNet } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { quickWeights } from '../weights.mjs'
import { serve } from './serve.mjs'

const backends = {
  cpu: async () => {
    await import('@tensorflow/tfjs-backend-cpu')
    return 'JavaScript, one thread'
  },
  wasm: async () => {
    const { getThreadsCount } = await import('@tensorflow/tfjs-backend-wasm')
    await tf.setBackend('wasm')
    return `WebAssembly, threads: ${getThreadsCount()}`
  },
  tensorflow: async (threads) => {
    process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'
    // Node took them away after this backend's last version
    util.isArray ??= Array.isArray
    util.isNullOrUndefined ??= (value) => value === null || value === undefined
    await import('@tensorflow/tfjs-node')
    await tf.setBackend('tensorflow')
    return `TensorFlow ${tf.backend().binding.TF_Version}, threads: ${threads}`
  },
}

await serve(async ({ backend, threads, network, images, t, labels }) => {
  tf.env().set('PROD', true)
  const engine = await backends[backend](threads)
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} does not start`)
  const { config } = network
  const unet = createUNet(config, quickWeights(network))
  const x = tf.randomNormal([images, config.size, config.size, config.inChannels], 0, 1, 'float32', 1)
  const times = tf.fill([images], t)
  const classes = tf.tensor1d(labels, 'int32')
  return {
    facts: {
      engine: `TensorFlow.js ${tf.version_core}, ${engine}`,
      parameters: countParameters(unet.parameters),
    },
    step: async () => {
      const output = unet.forward(x, times, classes)
      const [first] = await output.data()
      output.dispose()
      if (!Number.isFinite(first)) throw new Error(`the output begins with ${first}`)
    },
  }
})
