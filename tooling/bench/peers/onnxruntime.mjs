/** A UNet in an ONNX file, as it is, by `onnxruntime-node` alone. */
import { env, InferenceSession, Tensor } from 'onnxruntime-node'
import { serve } from './serve.mjs'

await serve(async ({ path, threads, images, t, labels, unet: { channels, size } }) => {
  const session = await InferenceSession.create(path, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  })
  const noise = Float32Array.from({ length: images * channels * size * size }, (_, i) => 2 * Math.sin(i * i))
  const integers = (values) => new Tensor('int64', BigInt64Array.from(values, BigInt), [images])
  const inputs = {
    x: new Tensor('float32', noise, [images, channels, size, size]),
    t: integers(labels.map(() => t)),
    labels: integers(labels),
  }
  return {
    facts: { version: env.versions.common },
    run: async (units) => {
      for (let i = 0; i < units; i++) {
        const { output } = await session.run(inputs)
        if (!Number.isFinite(output.data[0])) throw new Error(`the output begins with ${output.data[0]}`)
      }
    },
  }
})
