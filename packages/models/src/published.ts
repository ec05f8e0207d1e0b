/**
 * The checkpoints that OpenAI published with the paper: what they are, where they lie, how they are meant to be
 * sampled. All were trained on 1000 steps to predict ε and to learn the range of the variance.
 *
 * @see https://github.com/openai/guided-diffusion#readme
 */
import type { NetworkDescription } from './network-file.ts'
import { networkSpecs } from './network-specs.ts'
import type { EncoderUNetConfig, UNetConfig } from './unet-config.ts'
import { compareShapes } from './weights.ts'

/** The diffusion that a published network was trained on. */
export interface PublishedDiffusion {
  readonly steps: number
  readonly schedule: 'linear' | 'cosine'
  readonly prediction: 'epsilon'
  readonly variance: 'learned-range'
}

/** How the authors sample a published network. */
export interface PublishedSampling {
  /** Spacing of the steps, for `respace` of `@guided-diffusion/schedules`. */
  readonly respacing: string
  /** The classifier that guides it, and how strongly. */
  readonly guidance?: { readonly classifier: PublishedName; readonly scale: number }
}

/** A published checkpoint. Classifiers are trained on the diffusion of the network they guide. */
export type PublishedModel = NetworkDescription & {
  readonly url: string
  readonly diffusion: PublishedDiffusion
  /** Absent for classifiers. */
  readonly sampling?: PublishedSampling
}

/** A published checkpoint's file name without `.pt`. */
export type PublishedName =
  | '64x64_classifier'
  | '64x64_diffusion'
  | '128x128_classifier'
  | '128x128_diffusion'
  | '256x256_classifier'
  | '256x256_diffusion'
  | '256x256_diffusion_uncond'
  | '512x512_classifier'
  | '512x512_diffusion'
  | '64_256_upsampler'
  | '128_512_upsampler'
  | 'lsun_bedroom'
  | 'lsun_cat'
  | 'lsun_horse'
  | 'lsun_horse_nodropout'

const folder = 'https://openaipublic.blob.core.windows.net/diffusion/jul-2021'
const imageNetClasses = 1000

const multipliers: Readonly<Record<number, readonly number[]>> = {
  64: [1, 2, 3, 4],
  128: [1, 1, 2, 3, 4],
  256: [1, 1, 2, 2, 4, 4],
  512: [0.5, 1, 1, 2, 2, 4, 4],
}

const diffusion = (schedule: 'linear' | 'cosine'): PublishedDiffusion => ({
  steps: 1000,
  schedule,
  prediction: 'epsilon',
  variance: 'learned-range',
})

function trunk(size: 64 | 128 | 256 | 512) {
  return {
    size,
    inChannels: 3,
    multipliers: multipliers[size] as readonly number[],
    blocks: 2,
    attention: [32, 16, 8],
    conditioning: 'scale-shift',
    resampling: 'res-block',
  } as const
}

/** The UNets share their trunk: width 256 and heads of 64 channels, where nothing else is said. */
function unetConfig(size: 64 | 128 | 256 | 512, own: Partial<UNetConfig> = {}): UNetConfig {
  const heads = own.heads === undefined ? { headChannels: 64 } : {}
  return { ...trunk(size), outChannels: 6, channels: 256, ...heads, ...own }
}

function classifier(
  name: PublishedName,
  size: 64 | 128 | 256 | 512,
  { schedule, blocks = 2 }: { schedule: 'linear' | 'cosine'; blocks?: number },
): PublishedModel {
  const config: EncoderUNetConfig = {
    ...trunk(size),
    channels: 128,
    blocks,
    headChannels: 64,
    outChannels: imageNetClasses,
    pool: 'attention',
  }
  return { kind: 'classifier', config, url: `${folder}/${name}.pt`, diffusion: diffusion(schedule) }
}

function unet(
  name: PublishedName,
  config: UNetConfig,
  sampling: PublishedSampling,
  schedule: 'linear' | 'cosine' = 'linear',
): PublishedModel {
  return { kind: 'unet', config, url: `${folder}/${name}.pt`, diffusion: diffusion(schedule), sampling }
}

function upsampler(name: PublishedName, config: UNetConfig): PublishedModel {
  return {
    kind: 'super-resolution',
    config: { ...config, channels: 192, classes: imageNetClasses },
    url: `${folder}/${name}.pt`,
    diffusion: diffusion('linear'),
    sampling: { respacing: '250' },
  }
}

const guided = (name: PublishedName, scale: number): PublishedSampling => ({
  respacing: '250',
  guidance: { classifier: name, scale },
})

const lsun = (name: PublishedName, dropout: number): PublishedModel =>
  unet(name, unetConfig(256, { dropout }), { respacing: '1000' })

/** Every published checkpoint. */
export const publishedModels: Readonly<Record<PublishedName, PublishedModel>> = {
  '64x64_classifier': classifier('64x64_classifier', 64, { schedule: 'cosine', blocks: 4 }),
  '64x64_diffusion': unet(
    '64x64_diffusion',
    unetConfig(64, {
      channels: 192,
      blocks: 3,
      classes: imageNetClasses,
      attentionOrder: 'new',
      dropout: 0.1,
    }),
    guided('64x64_classifier', 1),
    'cosine',
  ),
  '128x128_classifier': classifier('128x128_classifier', 128, { schedule: 'linear' }),
  '128x128_diffusion': unet(
    '128x128_diffusion',
    unetConfig(128, { classes: imageNetClasses, heads: 4 }),
    guided('128x128_classifier', 0.5),
  ),
  '256x256_classifier': classifier('256x256_classifier', 256, { schedule: 'linear' }),
  '256x256_diffusion': unet(
    '256x256_diffusion',
    unetConfig(256, { classes: imageNetClasses }),
    guided('256x256_classifier', 1),
  ),
  '256x256_diffusion_uncond': unet(
    '256x256_diffusion_uncond',
    unetConfig(256),
    guided('256x256_classifier', 10),
  ),
  '512x512_classifier': classifier('512x512_classifier', 512, { schedule: 'linear' }),
  '512x512_diffusion': unet(
    '512x512_diffusion',
    unetConfig(512, { classes: imageNetClasses }),
    guided('512x512_classifier', 4),
  ),
  '64_256_upsampler': upsampler('64_256_upsampler', unetConfig(256, { heads: 4 })),
  '128_512_upsampler': upsampler(
    '128_512_upsampler',
    unetConfig(512, { multipliers: [1, 1, 2, 2, 4, 4], attention: [32, 16] }),
  ),
  lsun_bedroom: lsun('lsun_bedroom', 0.1),
  lsun_cat: lsun('lsun_cat', 0.1),
  lsun_horse: lsun('lsun_horse', 0.1),
  lsun_horse_nodropout: lsun('lsun_horse_nodropout', 0),
}

/**
 * The published checkpoints that have exactly these tensors. Several have the same: the four of LSUN and the
 * unconditional one of ImageNet, whose configurations differ in dropout alone, which sampling does not use.
 */
export function recognizePublished(shapes: ReadonlyMap<string, readonly number[]>): PublishedName[] {
  const names = Object.keys(publishedModels) as PublishedName[]
  return names.filter((name) => compareShapes(networkSpecs(publishedModels[name]), shapes).length === 0)
}
