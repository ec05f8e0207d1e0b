/** The embedded networks, sampled with guidance: the same lines in Node and in a page. */
import { loadClassifier } from '@guided-diffusion/classifier'
import { compiledSteps, type GraphRuntime } from '@guided-diffusion/compile'
import { ddim, describedDiffusion, sample } from '@guided-diffusion/diffusion'
import { classifierGuidance, unconditional } from '@guided-diffusion/guidance'
import { loadUNet } from '@guided-diffusion/models'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'

export interface SamplingOptions {
  readonly labels: readonly number[]
  readonly steps: number
  readonly scale?: number
  readonly seed?: number
  /** Where steps run as graphs. */
  readonly runtime?: GraphRuntime | undefined
}

export interface Sampled {
  /** In [−1, 1], one image after another. */
  readonly pixels: number[]
  /** Each step, the first of which compiles. */
  readonly seconds: number[]
}

/** Samples on the engine that was started. */
export async function sampleEmbedded(options: SamplingOptions): Promise<Sampled> {
  const { labels, steps, scale = 4, seed = 1, runtime } = options
  const denoiser = await loadUNet(pretrained.denoiser)
  const classifier = await loadClassifier(pretrained.classifier)
  const graphs = runtime && compiledSteps({ runtime, weights: [denoiser.parameters, classifier.parameters] })
  const run = sample({
    diffusion: describedDiffusion(pretrained.diffusion, steps === 1 ? '1' : `ddim${steps}`),
    denoiser: unconditional(denoiser),
    guidance: classifierGuidance(classifier, { scale }),
    sampler: ddim(),
    shape: pretrained.shape,
    labels: Int32Array.from(labels),
    seed,
    ...(graphs ? { execute: graphs.execute } : {}),
  })
  const seconds: number[] = []
  let pixels: number[] = []
  let began = performance.now()
  for await (const { x } of run) {
    pixels = [...(await x.data<'float32'>())]
    const now = performance.now()
    seconds.push((now - began) / 1000)
    began = now
  }
  await graphs?.dispose()
  classifier.dispose()
  denoiser.dispose()
  return { pixels, seconds }
}
