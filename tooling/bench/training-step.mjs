import { createDiffusion } from '@guided-diffusion/diffusion'
import { countParameters, createUNet } from '@guided-diffusion/models'
import { cosineSchedule } from '@guided-diffusion/schedules'
import { adamw, trainDenoiser } from '@guided-diffusion/training'
import { settle } from './engines.mjs'
import { classes, denoiserConfig, denoiserTrunk, inPyTorch, pictures } from './networks.mjs'

const logEvery = 20

/** Training a denoiser: hybrid loss, AdamW, an average of the weights, a fifth of the labels dropped. */
const stepOf = (batch) => ({
  what: `one training step of the 28×28 ADM UNet, ${batch} images`,
  rate: 'samplesPerSecond',
  amount: batch,
  units: 8,
  rounds: 5,
  script: 'training_step.py',
  engine: 'tensorflow',
  config: { batch, classes, log_every: logEvery, network: inPyTorch(denoiserTrunk) },
  async start() {
    const denoiser = createUNet(denoiserConfig, { seed: 1 })
    const steps = trainDenoiser({
      diffusion: createDiffusion({
        schedule: cosineSchedule({ steps: 1000 }),
        prediction: 'epsilon',
        variance: 'learned-range',
      }),
      denoiser,
      data: () => data(batch),
      steps: Number.MAX_SAFE_INTEGER,
      seed: 1,
      optimizer: adamw({ learningRate: 5e-4 }),
      ema: [0.999],
      loss: 'hybrid',
      labelDropout: 0.2,
      lossEvery: logEvery,
    })
    return {
      facts: { parameters: countParameters(denoiser.parameters) },
      run: async (units) => {
        for (let i = 0; i < units; i++) await steps.next()
        await settle()
      },
      end: async () => {
        await steps.return()
        denoiser.dispose()
      },
    }
  },
})

export const trainingStep = { ...stepOf(64), name: 'training-step' }
/** As much as a graphics card computes at once. */
export const trainingStep512 = { ...stepOf(512), name: 'training-step-512' }

/** Batches without end from a thousand pictures. */
async function* data(batch) {
  const { size, inChannels } = denoiserTrunk
  const pixels = size * size * inChannels
  const count = 1024
  const images = pictures(count)
  const labels = Int32Array.from({ length: batch }, (_, i) => i % classes)
  for (let at = 0; ; at = (at + batch) % count) {
    yield {
      images: images.subarray(at * pixels, (at + batch) * pixels),
      labels,
      shape: [batch, size, size, inChannels],
    }
  }
}
