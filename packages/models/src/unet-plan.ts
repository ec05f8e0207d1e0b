/**
 * The network as plain data: which blocks in which order, and every parameter's name and shape.
 * Forward pass, initial weights, loading and recognition of files all read the same plan.
 *
 * @see Dhariwal & Nichol 2021, section 3, https://arxiv.org/abs/2105.05233
 */
import type { ParameterSpec } from './parameters.ts'
import {
  type Complete,
  type EncoderUNetConfig,
  headCount,
  type Pooling,
  type TrunkConfig,
  type UNetConfig,
} from './unet-config.ts'

/** One layer of a block, with the prefix of its parameters. */
export type LayerPlan =
  | { readonly kind: 'conv'; readonly name: string; readonly in: number; readonly out: number }
  | {
      readonly kind: 'res-block'
      readonly name: string
      readonly in: number
      readonly out: number
      readonly resample: 'none' | 'up' | 'down'
    }
  | { readonly kind: 'attention'; readonly name: string; readonly width: number; readonly heads: number }
  | { readonly kind: 'downsample' | 'upsample'; readonly name: string; readonly width: number }

/** Layers that run one after another: one entry of `input_blocks`, `output_blocks`, or the middle. */
export interface BlockPlan {
  readonly name: string
  readonly layers: readonly LayerPlan[]
}

export interface EncoderHeadPlan {
  readonly pool: Pooling
  /** Channels (or pooled features) that enter the head. */
  readonly features: number
  /** Height and width that enter the head, pixels. */
  readonly size: number
  readonly heads: number
}

/** The downsampling half and the middle. */
export interface TrunkPlan {
  readonly inputBlocks: readonly BlockPlan[]
  readonly middleBlock: BlockPlan
  /** Channels after each input block, in order: what the skip connections carry. */
  readonly skips: readonly number[]
}

export interface UNetPlan extends TrunkPlan {
  readonly config: Complete<UNetConfig>
  readonly outputBlocks: readonly BlockPlan[]
  readonly parameters: readonly ParameterSpec[]
}

export interface EncoderUNetPlan extends TrunkPlan {
  readonly config: Complete<EncoderUNetConfig>
  readonly head: EncoderHeadPlan
  readonly parameters: readonly ParameterSpec[]
}

const widthAt = (config: Complete<TrunkConfig>, multiplier: number) =>
  Math.trunc(multiplier * config.channels)

/** Length of the time (and class) embedding. */
export const embeddingLength = (config: Complete<TrunkConfig>) => 4 * config.channels

function planTrunk(config: Complete<TrunkConfig>): TrunkPlan {
  const first = widthAt(config, config.multipliers[0] as number)
  const inputBlocks: BlockPlan[] = []
  const skips: number[] = []
  const add = (width: number, layers: (prefix: string) => LayerPlan[]) => {
    const name = `input_blocks.${inputBlocks.length}`
    inputBlocks.push({ name, layers: layers(name) })
    skips.push(width)
  }
  add(first, (name) => [{ kind: 'conv', name: `${name}.0`, in: config.inChannels, out: first }])
  let width = first
  let size = config.size
  config.multipliers.forEach((multiplier, level) => {
    const out = widthAt(config, multiplier)
    for (let block = 0; block < config.blocks; block++) {
      const input = width
      add(out, (name) => [
        { kind: 'res-block', name: `${name}.0`, in: input, out, resample: 'none' },
        ...attentionAt(config, size, out, `${name}.1`, config.heads),
      ])
      width = out
    }
    if (level === config.multipliers.length - 1) return
    add(width, (name) => [
      config.resampling === 'res-block'
        ? { kind: 'res-block', name: `${name}.0`, in: width, out: width, resample: 'down' }
        : { kind: 'downsample', name: `${name}.0`, width },
    ])
    size /= 2
  })
  const middleBlock: BlockPlan = {
    name: 'middle_block',
    layers: [
      { kind: 'res-block', name: 'middle_block.0', in: width, out: width, resample: 'none' },
      { kind: 'attention', name: 'middle_block.1', width, heads: headCount(config, width) },
      { kind: 'res-block', name: 'middle_block.2', in: width, out: width, resample: 'none' },
    ],
  }
  return { inputBlocks, middleBlock, skips }
}

function attentionAt(
  config: Complete<TrunkConfig>,
  size: number,
  width: number,
  name: string,
  heads: number,
): LayerPlan[] {
  if (!config.attention.includes(size)) return []
  return [{ kind: 'attention', name, width, heads: headCount(config, width, heads) }]
}

/** The plan of the UNet with a complete configuration. */
export function planUNet(config: Complete<UNetConfig>): UNetPlan {
  const trunk = planTrunk(config)
  const skips = [...trunk.skips]
  const outputBlocks: BlockPlan[] = []
  let width = skips.at(-1) as number
  let size = config.size / 2 ** (config.multipliers.length - 1)
  for (let level = config.multipliers.length - 1; level >= 0; level--) {
    const out = widthAt(config, config.multipliers[level] as number)
    for (let block = 0; block <= config.blocks; block++) {
      const name = `output_blocks.${outputBlocks.length}`
      const layers: LayerPlan[] = [
        { kind: 'res-block', name: `${name}.0`, in: width + (skips.pop() as number), out, resample: 'none' },
        ...attentionAt(config, size, out, `${name}.1`, config.headsUpsample ?? config.heads),
      ]
      width = out
      if (level > 0 && block === config.blocks) {
        const upsample = `${name}.${layers.length}`
        layers.push(
          config.resampling === 'res-block'
            ? { kind: 'res-block', name: upsample, in: out, out, resample: 'up' }
            : { kind: 'upsample', name: upsample, width: out },
        )
        size *= 2
      }
      outputBlocks.push({ name, layers })
    }
  }
  const embedding = embeddingLength(config)
  const rows = config.classes === undefined ? 0 : config.classes + (config.nullClass ? 1 : 0)
  const parameters = [
    ...embeddingSpecs(config),
    ...(rows > 0 ? [spec('label_emb.weight', [rows, embedding], 'embedding', 'normal', embedding)] : []),
    ...blockSpecs(config, [...trunk.inputBlocks, trunk.middleBlock, ...outputBlocks]),
    ...normSpecs('out.0', width),
    ...conv2dSpecs('out.2', width, config.outChannels, 3, 'zeros'),
  ]
  return { ...trunk, config, outputBlocks, parameters }
}

/** The plan of the encoder with a complete configuration. */
export function planEncoderUNet(config: Complete<EncoderUNetConfig>): EncoderUNetPlan {
  const trunk = planTrunk(config)
  const pool = config.pool ?? 'attention'
  const width = trunk.skips.at(-1) as number
  const features = pool.startsWith('spatial') ? trunk.skips.reduce((a, b) => a + b, width) : width
  const head: EncoderHeadPlan = {
    pool,
    features,
    size: config.size / 2 ** (config.multipliers.length - 1),
    heads: pool === 'attention' ? headCount(config, width) : 1,
  }
  const parameters = [
    ...embeddingSpecs(config),
    ...blockSpecs(config, [...trunk.inputBlocks, trunk.middleBlock]),
    ...headSpecs(head, config.outChannels),
  ]
  return { ...trunk, config, head, parameters }
}

const spatialHidden = 2048

function headSpecs(head: EncoderHeadPlan, out: number): ParameterSpec[] {
  const { features } = head
  switch (head.pool) {
    case 'adaptive':
      return [...normSpecs('out.0', features), ...conv2dSpecs('out.3', features, out, 1, 'zeros')]
    case 'attention':
      return [
        ...normSpecs('out.0', features),
        spec(
          'out.2.positional_embedding',
          [features, head.size ** 2 + 1],
          'positional',
          'positional',
          features,
        ),
        ...conv1dSpecs('out.2.qkv_proj', features, 3 * features),
        ...conv1dSpecs('out.2.c_proj', features, out),
      ]
    case 'spatial':
      return [...linearSpecs('out.0', features, spatialHidden), ...linearSpecs('out.2', spatialHidden, out)]
    case 'spatial-v2':
      return [
        ...linearSpecs('out.0', features, spatialHidden),
        ...normSpecs('out.1', spatialHidden),
        ...linearSpecs('out.3', spatialHidden, out),
      ]
  }
}

function blockSpecs(config: Complete<TrunkConfig>, blocks: readonly BlockPlan[]): ParameterSpec[] {
  return blocks.flatMap((block) => block.layers.flatMap((layer) => layerSpecs(config, layer)))
}

function layerSpecs(config: Complete<TrunkConfig>, layer: LayerPlan): ParameterSpec[] {
  switch (layer.kind) {
    case 'conv':
      return conv2dSpecs(layer.name, layer.in, layer.out, 3)
    case 'res-block': {
      const modulation = config.conditioning === 'scale-shift' ? 2 * layer.out : layer.out
      return [
        ...normSpecs(`${layer.name}.in_layers.0`, layer.in),
        ...conv2dSpecs(`${layer.name}.in_layers.2`, layer.in, layer.out, 3),
        ...linearSpecs(`${layer.name}.emb_layers.1`, embeddingLength(config), modulation),
        ...normSpecs(`${layer.name}.out_layers.0`, layer.out),
        ...conv2dSpecs(`${layer.name}.out_layers.3`, layer.out, layer.out, 3, 'zeros'),
        ...(layer.in === layer.out
          ? []
          : conv2dSpecs(`${layer.name}.skip_connection`, layer.in, layer.out, 1)),
      ]
    }
    case 'attention':
      return [
        ...normSpecs(`${layer.name}.norm`, layer.width),
        ...conv1dSpecs(`${layer.name}.qkv`, layer.width, 3 * layer.width),
        ...conv1dSpecs(`${layer.name}.proj_out`, layer.width, layer.width, 'zeros'),
      ]
    case 'downsample':
      return config.resampling === 'conv' ? conv2dSpecs(`${layer.name}.op`, layer.width, layer.width, 3) : []
    case 'upsample':
      return config.resampling === 'conv'
        ? conv2dSpecs(`${layer.name}.conv`, layer.width, layer.width, 3)
        : []
  }
}

function spec(
  name: string,
  shape: readonly number[],
  kind: ParameterSpec['kind'],
  initial: ParameterSpec['initial'],
  fanIn: number,
): ParameterSpec {
  return { name, shape, kind, initial, fanIn }
}

function embeddingSpecs(config: Complete<TrunkConfig>): ParameterSpec[] {
  const length = embeddingLength(config)
  return [
    ...linearSpecs('time_embed.0', config.channels, length),
    ...linearSpecs('time_embed.2', length, length),
  ]
}

function normSpecs(name: string, width: number): ParameterSpec[] {
  return [
    spec(`${name}.weight`, [width], 'vector', 'ones', width),
    spec(`${name}.bias`, [width], 'vector', 'zeros', width),
  ]
}

type WeightInitial = 'uniform' | 'zeros'

function conv2dSpecs(
  name: string,
  from: number,
  to: number,
  kernel: number,
  initial: WeightInitial = 'uniform',
) {
  const fanIn = from * kernel * kernel
  return [
    spec(`${name}.weight`, [to, from, kernel, kernel], 'conv2d', initial, fanIn),
    spec(`${name}.bias`, [to], 'vector', initial, fanIn),
  ]
}

function conv1dSpecs(name: string, from: number, to: number, initial: WeightInitial = 'uniform') {
  return [
    spec(`${name}.weight`, [to, from, 1], 'conv1d', initial, from),
    spec(`${name}.bias`, [to], 'vector', initial, from),
  ]
}

function linearSpecs(name: string, from: number, to: number) {
  return [
    spec(`${name}.weight`, [to, from], 'linear', 'uniform', from),
    spec(`${name}.bias`, [to], 'vector', 'uniform', from),
  ]
}
