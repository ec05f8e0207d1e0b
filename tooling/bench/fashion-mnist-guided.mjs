import { createClassifier } from '@guided-diffusion/classifier'
import { createDiffusion, ddim, generate } from '@guided-diffusion/diffusion'
import { classifierGuidance, unconditional } from '@guided-diffusion/guidance'
import { countParameters, createUNet } from '@guided-diffusion/models'
import { cosineSchedule, respace } from '@guided-diffusion/schedules'
import { stepsOn } from './engines.mjs'
import { classes, classifierTrunk, denoiserConfig, denoiserTrunk, inPyTorch } from './networks.mjs'

const count = 100
const scale = 4
const schedule = respace(cosineSchedule({ steps: 1000 }), 'ddim25')

/** Sampling with an unconditional UNet and a classifier's gradient. Fresh weights: values do not change the work. */
export const fashionMnistGuided = {
  name: 'fashion-mnist-guided',
  what: `${count} images of 28×28 by ${schedule.steps} DDIM steps, guided by a classifier`,
  rate: 'samplesPerSecond',
  amount: count,
  units: 1,
  rounds: 2,
  script: 'fashion_mnist_guided.py',
  engine: 'onnx',
  config: {
    count,
    classes,
    scale,
    timesteps: [...schedule.timesteps],
    denoiser: inPyTorch(denoiserTrunk),
    classifier: inPyTorch(classifierTrunk),
  },
  async start(engine) {
    const denoiser = createUNet(denoiserConfig, { seed: 1 })
    const classifier = createClassifier({ ...classifierTrunk, classes, pool: 'attention' }, { seed: 2 })
    const { size, inChannels } = denoiserTrunk
    const steps = stepsOn(engine, [denoiser, classifier])
    const options = {
      diffusion: createDiffusion({ schedule, prediction: 'epsilon', variance: 'learned-range' }),
      denoiser: unconditional(denoiser),
      sampler: ddim(),
      guidance: classifierGuidance(classifier, { scale }),
      shape: [size, size, inChannels],
      labels: Int32Array.from({ length: count }, (_, i) => i % classes),
      execute: steps.execute,
    }
    let seed = 0
    return {
      facts: {
        parameters: countParameters(denoiser.parameters),
        classifierParameters: countParameters(classifier.parameters),
      },
      run: async (units) => {
        for (let i = 0; i < units; i++) {
          const made = await generate({ ...options, seed: seed++ })
          await made.data()
          made.dispose()
        }
      },
      end: async () => {
        await steps.dispose()
        denoiser.dispose()
        classifier.dispose()
      },
    }
  },
}
