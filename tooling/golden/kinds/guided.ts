import { createDiffusion, ddim, ddpm, sample } from '@guided-diffusion/diffusion'
import { classifierGuidance } from '@guided-diffusion/guidance'
import {
  createUNet,
  encoderConfigFromReference,
  type NetworkDescription,
  networkSpecs,
  type ReferenceOptions,
  unetConfigFromReference,
} from '@guided-diffusion/models'
import { respace } from '@guided-diffusion/schedules'
import type { Kind } from '../kind.ts'
import { images, imagesFrom, stored, valuesOf } from '../tensors.ts'
import { goldenWeights } from '../vector.ts'
import { classifierFromReference } from './classifier.ts'
import { namedSchedule } from './schedule.ts'

interface Facts {
  readonly schedule: string
  readonly T: number
  readonly respacing: string
  readonly scale: number
  readonly unet: ReferenceOptions
  readonly classifier: ReferenceOptions
  readonly unet_salt: string
  readonly classifier_salt: string
}

/** Whole guided runs: DDPM with the gradient on the mean, DDIM (a `ddim` spacing) with it on the score. */
export const guided: Kind = {
  name: 'guided',
  matches: ({ tensors }) => tensors.has('trajectory') && tensors.has('x_T'),
  isInput: (key) => key !== 'trajectory',
  compute: async (golden, { steps }) => {
    const facts = golden.case as unknown as Facts
    const unetConfig = unetConfigFromReference(facts.unet)
    const denoiser = createUNet(unetConfig, weightsFor({ kind: 'unet', config: unetConfig }, facts.unet_salt))
    const encoder = encoderConfigFromReference(facts.classifier)
    const classifier = classifierFromReference(
      facts.classifier,
      weightsFor({ kind: 'classifier', config: encoder }, facts.classifier_salt),
    )
    const noises = stored(golden, 'noises')
    const [count = 0, batch = 0, channels = 0, height = 0, width = 0] = noises.shape
    const size = noises.data.length / count
    const trajectory: number[] = []
    const run = sample({
      ...(steps ? { execute: steps([denoiser.parameters, classifier.parameters]) } : {}),
      diffusion: createDiffusion({
        schedule: respace(namedSchedule(facts.schedule, facts.T), facts.respacing),
        prediction: 'epsilon',
        variance: 'learned-range',
      }),
      denoiser,
      sampler: facts.respacing.startsWith('ddim') ? ddim() : ddpm(),
      guidance: classifierGuidance(classifier, { scale: facts.scale }),
      shape: [height, width, channels],
      seed: 0,
      labels: stored(golden, 'y').data,
      start: images(golden, 'x_T'),
      noise: (t) =>
        imagesFrom(noises.data.subarray((count - 1 - t) * size, (count - t) * size), [
          batch,
          channels,
          height,
          width,
        ]),
    })
    for await (const step of run)
      for (const value of Array.from(await valuesOf(step.x))) trajectory.push(value)
    denoiser.dispose()
    classifier.dispose()
    return { tensors: { trajectory } }
  },
}

function weightsFor(description: NetworkDescription, salt: string) {
  return goldenWeights(
    salt,
    Object.fromEntries(networkSpecs(description).map(({ name, shape }) => [name, shape])),
  )
}
