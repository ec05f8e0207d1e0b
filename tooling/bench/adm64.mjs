import { createClassifier } from '@guided-diffusion/classifier'
import { compiledSteps } from '@guided-diffusion/compile'
import { onnxRuntimeNode } from '@guided-diffusion/compile/node'
import { createDiffusion, ddim, generate } from '@guided-diffusion/diffusion'
import { classifierGuidance } from '@guided-diffusion/guidance'
import { countParameters, createUNet, publishedModels } from '@guided-diffusion/models'
import { cosineSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { compiledCase } from './compiled-case.mjs'
import { inPyTorch, unetInPyTorch } from './networks.mjs'
import { quickWeights } from './weights.mjs'

const denoiserConfig = publishedModels['64x64_diffusion'].config
const { outChannels: classes, ...classifierTrunk } = publishedModels['64x64_classifier'].config

const config = {
  denoiser: unetInPyTorch(denoiserConfig),
  classifier: { ...inPyTorch(classifierTrunk), channels: classifierTrunk.inChannels, classes },
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
  // a run is traced once, which takes a third of a step
  units: 10,
  rounds: 3,
  name: 'adm64-guided-step',
  what: 'one guided DDIM step of ADM 64×64, batch 1, of a run of ten',
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
