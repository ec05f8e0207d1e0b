import { createClassifier } from '@guided-diffusion/classifier'
import { createDiffusion, ddim, generate } from '@guided-diffusion/diffusion'
import { classifierGuidance } from '@guided-diffusion/guidance'
import { countParameters, createUNet, publishedModels } from '@guided-diffusion/models'
import { cosineSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { stepsOn } from './engines.mjs'
import { inPyTorch, unetInPyTorch } from './networks.mjs'
import { passCase } from './pass-case.mjs'
import { quickWeights } from './weights.mjs'

const denoiserConfig = publishedModels['64x64_diffusion'].config
const { outChannels: classes, ...classifierTrunk } = publishedModels['64x64_classifier'].config

const config = {
  denoiser: unetInPyTorch(denoiserConfig),
  classifier: { ...inPyTorch(classifierTrunk), channels: classifierTrunk.inChannels, classes },
}

const shared = {
  rate: 'samplesPerSecond',
  units: 3,
  rounds: 5,
  script: 'adm64.py',
  engine: 'onnx',
}

const makeDenoiser = () => createUNet(denoiserConfig, quickWeights(publishedModels['64x64_diffusion']))
const makeClassifier = () =>
  createClassifier({ ...classifierTrunk, classes }, quickWeights(publishedModels['64x64_classifier']))

/** ∇ log p(y | x_t) of the published classifier. */
const gradientOf = (images) => ({
  ...shared,
  what: `the gradient of the ADM 64×64 classifier, batch ${images}`,
  amount: images,
  config: { ...config, kind: 'gradient', images },
  start: (engine) => {
    const classifier = makeClassifier()
    const inputs = {
      x: tf.randomNormal([images, 64, 64, 3], 0, 1, 'float32', 1),
      t: tf.fill([images], 500),
      labels: tf.fill([images], 207, 'int32'),
    }
    const facts = { parameters: countParameters(classifier.parameters) }
    const fn = ({ x, t, labels }) => ({ gradient: classifier.gradient(x, t, labels) })
    return passCase(engine, fn, inputs, classifier, facts)
  },
})

/** Both, and the sampler's update: one step of a guided run, end to end. */
const stepOf = (images) => ({
  ...shared,
  // a run is traced once, which takes a third of a step
  units: 10,
  rounds: 3,
  what: `one guided DDIM step of ADM 64×64, batch ${images}, of a run of ten`,
  amount: images,
  config: { ...config, kind: 'step', images },
  async start(engine) {
    const [denoiser, classifier] = [makeDenoiser(), makeClassifier()]
    const steps = stepsOn(engine, [denoiser, classifier])
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
      labels: Array.from({ length: images }, () => 207),
      execute: steps.execute,
    }
    let seed = 0
    const run = async (units) => {
      const made = await generate({ ...options, diffusion: diffusion(units), seed: seed++ })
      await made.data()
      made.dispose()
    }
    const began = performance.now()
    await run(1)
    const ready = (performance.now() - began) / 1000
    return {
      facts: {
        parameters: countParameters(denoiser.parameters),
        classifierParameters: countParameters(classifier.parameters),
      },
      figures: { secondsToTraceOpenAndRun: ready },
      run,
      end: async () => {
        await steps.dispose()
        denoiser.dispose()
        classifier.dispose()
      },
    }
  },
})

export const admGradient = { ...gradientOf(1), name: 'adm64-classifier-gradient' }
export const admStep = { ...stepOf(1), name: 'adm64-guided-step' }
/** As much as a graphics card computes at once. */
export const admStep16 = { ...stepOf(16), name: 'adm64-guided-step-16' }
