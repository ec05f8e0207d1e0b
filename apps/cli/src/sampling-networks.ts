import type { EncoderUNetConfig, UNetConfig } from '@guided-diffusion/models'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import { UsageError } from './errors.ts'
import { isPublishedName, modelFile } from './model-cache.ts'
import { authorsSampling, guidanceScale, type SamplingWishes } from './sampling-plan.ts'
import { findClassifier, findDenoiser, type TrainedNetwork } from './trained-network.ts'

/** Which networks a run of the sampler was asked to take. */
export interface NetworkWishes extends SamplingWishes {
  readonly model?: string
  readonly classifier?: string
  readonly cache?: string
}

/** A denoiser, what guides it, and how strongly. */
export interface SamplingNetworks {
  readonly denoiser: TrainedNetwork<UNetConfig>
  readonly guide: TrainedNetwork<EncoderUNetConfig> | undefined
  readonly scale: number
}

/**
 * The files of the model and, where there is one, of the classifier: what was asked for, what the authors of a published
 * model took, or what is embedded. Nothing is loaded.
 *
 * @throws UsageError where guidance is wanted and there is no classifier.
 */
export async function findNetworks(wishes: NetworkWishes): Promise<SamplingNetworks> {
  const { model, cache } = wishes
  const denoiser = await findDenoiser(model === undefined ? pretrained.denoiser : modelFile(model, cache))
  const scale = guidanceScale(wishes, denoiser)
  const authors = model !== undefined && isPublishedName(model) ? authorsSampling(denoiser) : undefined
  const classifier = wishes.classifier ?? (scale > 0 ? authors?.guidance?.classifier : undefined)
  const path =
    classifier !== undefined
      ? modelFile(classifier, cache)
      : model === undefined
        ? pretrained.classifier
        : undefined
  if (scale > 0 && path === undefined) {
    throw new UsageError(
      'Guidance needs a classifier, and none was given for this model.',
      'Give --classifier FILE, or --scale 0.',
    )
  }
  return { denoiser, scale, guide: path === undefined ? undefined : await findClassifier(path) }
}
