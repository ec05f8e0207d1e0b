import { createClassifier } from '@guided-diffusion/classifier'
import { compile, compiledSteps } from '@guided-diffusion/compile'
import { onnxRuntimeNode } from '@guided-diffusion/compile/node'
import { createDiffusion, ddim, generate } from '@guided-diffusion/diffusion'
import { classifierGuidance } from '@guided-diffusion/guidance'
import { countParameters, createUNet, publishedModels } from '@guided-diffusion/models'
import { cosineSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { operations } from './operations.mjs'
import { quickWeights } from './weights.mjs'

const denoiserConfig = publishedModels['64x64_diffusion'].config
const { outChannels: classes, ...classifierTrunk } = publishedModels['64x64_classifier'].config

/** A published configuration in the names of `pytorch/adm.py`. */
const inPyTorch = ({ size, inChannels, channels, multipliers, blocks, attention, headChannels }) => ({
  size,
  channels: inChannels,
  width: channels,
  multipliers,
  blocks,
  attention,
  head_width: headChannels,
})

const config = {
  denoiser: { ...inPyTorch(denoiserConfig), out_channels: denoiserConfig.outChannels, labels: classes },
  classifier: { ...inPyTorch(classifierTrunk), classes },
}

const shared = {
  rate: 'samplesPerSecond',
  amount: 1,
  units: 3,
  rounds: 5,
  script: 'adm64.py',
  engine: 'onnx',
}

const makeDenoiser = () => createUNet(denoiserConfig, quickWeights(publishedModels['64x64_diffusion']))
const makeClassifier = () =>
  createClassifier({ ...classifierTrunk, classes }, quickWeights(publishedModels['64x64_classifier']))
const image = () => tf.randomNormal([1, 64, 64, 3], 0, 1, 'float32', 1)

/** A compiled function as a case. */
async function compiledCase(fn, inputs, network, facts) {
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

/** One pass of the published 64×64 denoiser, batch 1. The values of the weights do not change the work. */
export const admForward = {
  ...shared,
  name: 'adm64-forward',
  what: 'one pass of the ADM 64×64 UNet, batch 1',
  config: { ...config, kind: 'forward' },
  start: () => {
    const unet = makeDenoiser()
    const inputs = { x: image(), t: tf.tensor1d([500]), labels: tf.tensor1d([207], 'int32') }
    const facts = { parameters: countParameters(unet.parameters) }
    return compiledCase(({ x, t, labels }) => ({ output: unet.forward(x, t, labels) }), inputs, unet, facts)
  },
}

/** ∇ log p(y | x_t) of the published classifier. */
export const admGradient = {
  ...shared,
  name: 'adm64-classifier-gradient',
  what: 'the gradient of the ADM 64×64 classifier, batch 1',
  config: { ...config, kind: 'gradient' },
  start: () => {
    const classifier = makeClassifier()
    const inputs = { x: image(), t: tf.tensor1d([500]), labels: tf.tensor1d([207], 'int32') }
    const facts = { parameters: countParameters(classifier.parameters) }
    const fn = ({ x, t, labels }) => ({ gradient: classifier.gradient(x, t, labels) })
    return compiledCase(fn, inputs, classifier, facts)
  },
}

/** Both, and the sampler's update: one step of a guided run, end to end. */
export const admStep = {
  ...shared,
  name: 'adm64-guided-step',
  what: 'one guided DDIM step of ADM 64×64, batch 1, of a run of three',
  config: { ...config, kind: 'step' },
  async start() {
    const [denoiser, classifier] = [makeDenoiser(), makeClassifier()]
    const steps = compiledSteps({
      runtime: await onnxRuntimeNode(),
      weights: [denoiser.parameters, classifier.parameters],
    })
    const diffusion = (steps) =>
      createDiffusion({
        schedule: respace(cosineSchedule({ steps: 1000 }), String(steps)),
        prediction: 'epsilon',
        variance: 'learned-range',
      })
    const options = {
      denoiser,
      sampler: ddim(),
      guidance: classifierGuidance(classifier, { scale: 1 }),
      shape: [64, 64, 3],
      labels: [207],
      execute: steps.execute,
    }
    const began = performance.now()
    tf.dispose(await generate({ ...options, diffusion: diffusion(1), seed: 0 }))
    const ready = (performance.now() - began) / 1000
    let seed = 1
    return {
      facts: {
        parameters: countParameters(denoiser.parameters),
        classifierParameters: countParameters(classifier.parameters),
      },
      figures: { secondsToTraceOpenAndRun: ready },
      run: async (units) =>
        tf.dispose(await generate({ ...options, diffusion: diffusion(units), seed: seed++ })),
      end: async () => {
        await steps.dispose()
        denoiser.dispose()
        classifier.dispose()
      },
    }
  },
}
