import { compile } from '@guided-diffusion/compile'
import { onnxRuntimeNode } from '@guided-diffusion/compile/node'
import * as tf from '@tensorflow/tfjs-core'
import { operations } from './operations.mjs'

/** A compiled function as a running case. The network is given up once its weights are in the graph. */
export async function compiledCase(fn, inputs, network, facts) {
  const began = performance.now()
  const compiled = await compile(fn, inputs, {
    runtime: await onnxRuntimeNode(),
    weights: network.parameters,
  })
  const ready = (performance.now() - began) / 1000
  network.dispose()
  return {
    facts,
    figures: { operations: operations(compiled.graph), secondsToTraceAndOpen: ready },
    run: async (units) => {
      for (let i = 0; i < units; i++) tf.dispose(await compiled.run(inputs))
    },
    end: () => compiled.dispose(),
  }
}
