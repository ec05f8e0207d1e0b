import { ModelConfigError } from './errors.ts'

/** How a level changes size: residual blocks that resample, a strided convolution, or plain pooling. */
export type Resampling = 'res-block' | 'conv' | 'pool'

/** Order of q, k, v and heads among the channels of `qkv`: head-major (`legacy`) or q-k-v-major (`new`). */
export type AttentionOrder = 'legacy' | 'new'

/** How the time and class embedding enters a residual block: as scale and shift after the norm, or added. */
export type Conditioning = 'scale-shift' | 'add'

/** Options that the UNet and the encoder share. */
export interface TrunkConfig {
  /** Height and width of the image, pixels. */
  readonly size: number
  /** Channels of the image. @default 3 */
  readonly inChannels?: number
  /** Width: channels at multiplier 1, a multiple of 32. */
  readonly channels: number
  /** Width of each level relative to `channels`, from full resolution down. */
  readonly multipliers: readonly number[]
  /** Residual blocks a level. @default 2 */
  readonly blocks?: number
  /** Resolutions (pixels) whose blocks carry self-attention. @default [] */
  readonly attention?: readonly number[]
  /** Number of attention heads; excludes `headChannels`. @default 1 */
  readonly heads?: number
  /** Channels of one head; the number of heads then follows from the width. */
  readonly headChannels?: number
  /** @default 'legacy' */
  readonly attentionOrder?: AttentionOrder
  /** @default 'scale-shift' */
  readonly conditioning?: Conditioning
  /** @default 'res-block' */
  readonly resampling?: Resampling
  /** Probability that an activation is dropped in training. @default 0 */
  readonly dropout?: number
}

/** The ADM UNet. */
export interface UNetConfig extends TrunkConfig {
  /** Channels of the output: those of the image, or twice as many with a learned variance. */
  readonly outChannels: number
  /** Heads on the upsampling path, where that differs from `heads`. */
  readonly headsUpsample?: number
  /** Number of classes; absent for an unconditional network. */
  readonly classes?: number
  /** Adds a class after the last one that stands for "no class". @default false */
  readonly nullClass?: boolean
}

/** The UNet that upscales: it sees the low-resolution image, resized, beside x_t. */
export type SuperResolutionUNetConfig = UNetConfig

/** How the encoder ends: see `encoder-unet.ts`. */
export type Pooling = 'adaptive' | 'attention' | 'spatial' | 'spatial-v2'

/** The downsampling half of the UNet with a pooled head: the trunk of the classifier. */
export interface EncoderUNetConfig extends TrunkConfig {
  /** Length of the output vector: the number of classes. */
  readonly outChannels: number
  /** @default 'attention' */
  readonly pool?: Pooling
}

/** A configuration with its defaults filled in. */
export type Complete<C extends TrunkConfig> = C & {
  readonly inChannels: number
  readonly blocks: number
  readonly attention: readonly number[]
  readonly heads: number
  readonly attentionOrder: AttentionOrder
  readonly conditioning: Conditioning
  readonly resampling: Resampling
  readonly dropout: number
}

/** Groups of every GroupNorm. */
export const groups = 32

/**
 * Fills in defaults and checks the options against each other.
 *
 * @throws ModelConfigError naming the option, its value and what was expected.
 */
export function completeConfig<C extends TrunkConfig>(config: C): Complete<C> {
  const complete: Complete<C> = {
    ...config,
    inChannels: config.inChannels ?? 3,
    blocks: config.blocks ?? 2,
    attention: config.attention ?? [],
    heads: config.heads ?? 1,
    attentionOrder: config.attentionOrder ?? 'legacy',
    conditioning: config.conditioning ?? 'scale-shift',
    resampling: config.resampling ?? 'res-block',
    dropout: config.dropout ?? 0,
  }
  checkCounts(complete)
  checkSizes(complete)
  checkClasses(complete)
  return complete
}

const required = ['size', 'inChannels', 'channels', 'blocks', 'heads'] as const
const optional = ['headChannels', 'headsUpsample', 'outChannels', 'classes'] as const

/** What some networks have and others do not. */
type Optional = Partial<Pick<UNetConfig, 'headsUpsample' | 'outChannels' | 'classes' | 'nullClass'>>

function checkClasses({ classes, nullClass }: Complete<TrunkConfig> & Optional): void {
  if (!nullClass || classes !== undefined) return
  throw new ModelConfigError({
    parameter: 'nullClass',
    value: nullClass,
    expected: 'false for a network without classes',
    advice: 'Give the number of classes, or drop nullClass.',
  })
}

function checkCounts(config: Complete<TrunkConfig> & Optional): void {
  for (const parameter of required) positiveInteger(parameter, config[parameter])
  for (const parameter of optional) {
    const value = config[parameter]
    if (value !== undefined) positiveInteger(parameter, value)
  }
  if (config.headChannels !== undefined && config.heads !== 1) {
    throw new ModelConfigError({
      parameter: 'heads',
      value: config.heads,
      expected: 'nothing beside headChannels',
      advice: 'Give the number of heads or the channels of a head, not both.',
    })
  }
  if (!(config.dropout >= 0 && config.dropout < 1)) {
    throw new ModelConfigError({
      parameter: 'dropout',
      value: config.dropout,
      expected: 'a probability in [0, 1)',
      advice: 'Use 0 for no dropout.',
    })
  }
}

function positiveInteger(parameter: string, value: number): void {
  if (Number.isInteger(value) && value > 0) return
  throw new ModelConfigError({
    parameter,
    value,
    expected: 'a positive whole number',
    advice: `Choose ${parameter} of at least 1.`,
  })
}

function checkSizes(config: Complete<TrunkConfig>): void {
  if (config.multipliers.length === 0) {
    throw new ModelConfigError({
      parameter: 'multipliers',
      value: [],
      expected: 'one multiplier a level',
      advice: 'Use [1] for a network of one level.',
    })
  }
  const factor = 2 ** (config.multipliers.length - 1)
  if (config.size % factor !== 0) {
    throw new ModelConfigError({
      parameter: 'size',
      value: config.size,
      expected: `a multiple of ${factor}, since ${config.multipliers.length} levels halve it ${config.multipliers.length - 1} times`,
      advice: 'Use fewer multipliers, or resize the images.',
    })
  }
  for (const multiplier of config.multipliers) {
    const width = Math.trunc(multiplier * config.channels)
    if (width > 0 && width % groups === 0) continue
    throw new ModelConfigError({
      parameter: 'channels × multiplier',
      value: width,
      expected: `a positive multiple of ${groups}, the groups of every normalisation`,
      advice: `Choose channels so that channels × ${multiplier} is a multiple of ${groups}.`,
    })
  }
  const resolutions = config.multipliers.map((_, level) => config.size / 2 ** level)
  for (const resolution of config.attention) {
    if (resolutions.includes(resolution)) continue
    throw new ModelConfigError({
      parameter: 'attention',
      value: config.attention,
      expected: `resolutions among ${resolutions.join(', ')} pixels`,
      advice: 'Attention is placed by resolution: list the sizes of the levels that should have it.',
    })
  }
}

/** Heads of an attention layer of the given width. */
export function headCount(config: Complete<TrunkConfig>, width: number, heads = config.heads): number {
  const count = config.headChannels === undefined ? heads : width / config.headChannels
  if (Number.isInteger(count) && width % count === 0) return count
  throw new ModelConfigError({
    parameter: config.headChannels === undefined ? 'heads' : 'headChannels',
    value: config.headChannels ?? heads,
    expected: `a divisor of ${width}, the width where attention stands`,
    advice: 'Choose a head width that divides the width of every level with attention.',
  })
}
