import type { EncoderUNetConfig, Pooling, TrunkConfig, UNetConfig } from './unet-config.ts'

/**
 * The constructor options of the reference code's networks, by their own names.
 * `attention_resolutions` are downsampling factors there, not pixels.
 */
export interface ReferenceOptions {
  readonly image_size: number
  readonly in_channels: number
  readonly model_channels: number
  readonly out_channels: number
  readonly num_res_blocks: number
  readonly attention_resolutions: readonly number[]
  readonly channel_mult?: readonly number[]
  readonly dropout?: number
  readonly conv_resample?: boolean
  readonly num_classes?: number | null
  readonly num_heads?: number
  readonly num_head_channels?: number
  readonly num_heads_upsample?: number
  readonly use_scale_shift_norm?: boolean
  readonly resblock_updown?: boolean
  readonly use_new_attention_order?: boolean
  readonly pool?: string
}

function trunkConfig(options: ReferenceOptions): TrunkConfig {
  const byWidth = options.num_head_channels !== undefined && options.num_head_channels !== -1
  return {
    size: options.image_size,
    inChannels: options.in_channels,
    channels: options.model_channels,
    multipliers: options.channel_mult ?? [1, 2, 4, 8],
    blocks: options.num_res_blocks,
    attention: options.attention_resolutions.map((factor) => options.image_size / factor),
    ...(byWidth ? { headChannels: options.num_head_channels as number } : { heads: options.num_heads ?? 1 }),
    attentionOrder: options.use_new_attention_order ? 'new' : 'legacy',
    conditioning: options.use_scale_shift_norm ? 'scale-shift' : 'add',
    resampling: options.resblock_updown ? 'res-block' : options.conv_resample === false ? 'pool' : 'conv',
    dropout: options.dropout ?? 0,
  }
}

/** Our configuration of the reference's `UNetModel` (and of `SuperResModel`) with the given options. */
export function unetConfigFromReference(options: ReferenceOptions): UNetConfig {
  const upsample = options.num_heads_upsample
  return {
    ...trunkConfig(options),
    outChannels: options.out_channels,
    ...(options.num_classes == null ? {} : { classes: options.num_classes }),
    ...(upsample === undefined || upsample === -1 ? {} : { headsUpsample: upsample }),
  }
}

/** Our configuration of the reference's `EncoderUNetModel` with the given options. */
export function encoderConfigFromReference(options: ReferenceOptions): EncoderUNetConfig {
  return {
    ...trunkConfig(options),
    outChannels: options.out_channels,
    pool: (options.pool ?? 'adaptive').replace('_', '-') as Pooling,
  }
}
