/** A UNet of ours on a backend of TensorFlow.js as it comes, started without `@guided-diffusion/backends`. */
import { countParameters, createUNet } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { quickWeights } from '../weights.mjs'
import { serve } from './serve.mjs'
import { startStock } from './stock.mjs'

await serve(async ({ backend, threads, network, images, t, labels }) => {
  tf.env().set('PROD', true)
  const engine = await startStock[backend](threads)
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
    run: async (units) => {
      for (let i = 0; i < units; i++) {
        const output = unet.forward(x, times, classes)
        const [first] = await output.data()
        output.dispose()
        if (!Number.isFinite(first)) throw new Error(`the output begins with ${first}`)
      }
    },
  }
})
