/** What our side of a case runs on. */
import { startBackend } from '@guided-diffusion/backends'
import { tensorflow } from '@guided-diffusion/backends/tensorflow'
import { webgpu } from '@guided-diffusion/backends/webgpu'
import { compiledSteps } from '@guided-diffusion/compile'
import { onnxRuntimeNode } from '@guided-diffusion/compile/node'
import { onnx } from '@guided-diffusion/compile/onnx'
import * as tf from '@tensorflow/tfjs-core'

/**
 * An engine that runs: graphs, where it has a runtime for them, else operation by operation.
 *
 * @typedef {object} Engine
 * @property {string} description
 * @property {import('@guided-diffusion/compile').GraphRuntime} [runtime]
 */

const half = { precision: 'float16' }
const card = { provider: 'webgpu' }

/** Those on graphics cards are compared by `gpu.mjs`. */
export const gpuEngines = {
  webgpu: () => eager(webgpu()),
  'webgpu float16': () => eager(webgpu(half)),
  'onnx-webgpu': () => graphs(card),
  'onnx-webgpu float16': () => graphs({ ...card, ...half }),
}

const engines = { tensorflow: () => eager(tensorflow()), onnx: () => graphs({}), ...gpuEngines }

/** @returns {Promise<Engine>} */
export const startEngine = (name) => engines[name]()

async function eager(driver) {
  const { description } = await startBackend([driver])
  return { description }
}

async function graphs(options) {
  const { description } = await startBackend([onnx(options)])
  return { description, runtime: await onnxRuntimeNode(options) }
}

/** How `generate` runs its steps on an engine. */
export const stepsOn = ({ runtime }, networks) =>
  runtime
    ? compiledSteps({ runtime, weights: networks.map(({ parameters }) => parameters) })
    : { execute: undefined, dispose: async () => {} }

/** Waits for all that a card was told to compute: a tensor that it makes, and not the processor, is read last. */
export async function settle() {
  const last = tf.fill([1], 1)
  await last.data()
  last.dispose()
}
