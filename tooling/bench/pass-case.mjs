import { compile } from '@guided-diffusion/compile'
import * as tf from '@tensorflow/tfjs-core'
import { operations } from './operations.mjs'

/** A function of tensors with one network as a running case. */
export function passCase(engine, fn, inputs, network, facts) {
  return engine.runtime
    ? compiledCase(engine.runtime, fn, inputs, network, facts)
    : eagerCase(fn, inputs, network, facts)
}

/** The network is given up once its weights are in the graph. */
async function compiledCase(runtime, fn, inputs, network, facts) {
  const began = performance.now()
  const compiled = await compile(fn, inputs, { runtime, weights: network.parameters })
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

function eagerCase(fn, inputs, network, facts) {
  return {
    facts,
    run: async (units) => {
      for (let i = 0; i < units; i++) {
        const outputs = tf.tidy(() => fn(inputs))
        await Promise.all(Object.values(outputs).map((output) => output.data()))
        tf.dispose(outputs)
      }
    },
    end: async () => network.dispose(),
  }
}
