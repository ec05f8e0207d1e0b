/**
 * A network's configuration from the names and shapes of its tensors.
 *
 * Widths, levels, blocks, conditioning, resampling, places of attention, classes and pooling leave their marks in
 * names and shapes. The size of the image, the heads, the order of attention channels and dropout do not: those of
 * the published networks are known, those of others must be told.
 */
import { ModelConfigError, UnknownArchitectureError } from './errors.ts'
import type { NetworkDescription } from './network-file.ts'
import { networkSpecs } from './network-specs.ts'
import { publishedModels, recognizePublished } from './published.ts'
import type { AttentionOrder, Pooling, Resampling, TrunkConfig } from './unet-config.ts'
import { compareShapes } from './weights.ts'

type Shapes = ReadonlyMap<string, readonly number[]>

/** What names and shapes do not show. */
export interface NetworkFacts {
  /** Height and width of the image, pixels. Needed, except for a classifier with attention pooling. */
  readonly size?: number
  /** A UNet that takes 2 or 6 channels is taken for one that upscales. @default by its channels */
  readonly kind?: 'unet' | 'super-resolution'
  readonly heads?: number
  readonly headChannels?: number
  readonly headsUpsample?: number
  /** @default 'legacy' */
  readonly attentionOrder?: AttentionOrder
  /** The last row of the class table stands for "no class". @default false */
  readonly nullClass?: boolean
  /** @default 0 */
  readonly dropout?: number
}

/**
 * The network with these tensors: the published one that has exactly them, or with `facts` any other.
 *
 * @param shapes name → shape as in the file.
 * @throws UnknownArchitectureError when no network, or more than one, has these tensors.
 */
export function inferNetwork(shapes: Shapes, facts?: NetworkFacts): NetworkDescription {
  if (facts) return inferFromFacts(shapes, facts)
  const [name] = recognizePublished(shapes)
  if (name) {
    const { kind, config } = publishedModels[name]
    return { kind, config } as NetworkDescription
  }
  throw new UnknownArchitectureError({
    reason: 'no published network has exactly these names and shapes',
    advice: 'Give the configuration it was trained with.',
  })
}

function inferFromFacts(shapes: Shapes, facts: NetworkFacts): NetworkDescription {
  const found: NetworkDescription[] = []
  let obstacle = ''
  for (const arrangement of arrangements(shapes)) {
    const network = describe(shapes, facts, arrangement)
    try {
      if (compareShapes(networkSpecs(network), shapes).length === 0) found.push(network)
    } catch (error) {
      if (!(error instanceof ModelConfigError)) throw error
      obstacle = `; one that was tried fails: ${error.message.replace(/\.$/, '')}`
    }
  }
  const [network, other] = found
  if (network && !other) return network
  throw new UnknownArchitectureError({
    reason: network
      ? `${found.length} arrangements of levels and blocks have them`
      : `no arrangement of levels and blocks has them${obstacle}`,
    advice: 'Give the configuration it was trained with.',
  })
}

interface Arrangement {
  readonly levels: number
  readonly blocks: number
  readonly resampling: Resampling
}

/** Each level has its blocks and one more: the first convolution, or what halves the size. */
function arrangements(shapes: Shapes): Arrangement[] {
  const numbers = [...shapes.keys()].map((name) => Number(/^input_blocks\.(\d+)\./.exec(name)?.[1] ?? -1))
  const total = Math.max(-1, ...numbers) + 1
  const found: Arrangement[] = []
  for (let levels = 1; 2 * levels <= total; levels++) {
    if (total % levels !== 0) continue
    const ways: Resampling[] = levels === 1 ? ['res-block'] : ['res-block', 'conv', 'pool']
    for (const resampling of ways) found.push({ levels, blocks: total / levels - 1, resampling })
  }
  return found
}

function describe(shapes: Shapes, facts: NetworkFacts, arrangement: Arrangement): NetworkDescription {
  const decodes = shapes.has('output_blocks.0.0.in_layers.0.weight')
  const size = facts.size ?? pooledSize(shapes, arrangement.levels)
  const inChannels = length(shapes, 'input_blocks.0.0.weight', 1)
  const trunk = { ...trunkConfig(shapes, facts, arrangement, size), inChannels }
  if (!decodes) return { kind: 'classifier', config: { ...trunk, ...pooling(shapes) } }
  const rows = shapes.get('label_emb.weight')?.[0]
  const config = {
    ...trunk,
    outChannels: length(shapes, 'out.2.weight', 0),
    ...(facts.headsUpsample === undefined ? {} : { headsUpsample: facts.headsUpsample }),
    ...(rows === undefined ? {} : { classes: facts.nullClass ? rows - 1 : rows }),
    ...(facts.nullClass ? { nullClass: true } : {}),
  }
  const kind = facts.kind ?? ([2, 6].includes(inChannels) ? 'super-resolution' : 'unet')
  return kind === 'unet' ? { kind, config } : { kind, config: { ...config, inChannels: inChannels / 2 } }
}

function trunkConfig(
  shapes: Shapes,
  facts: NetworkFacts,
  { levels, blocks, resampling }: Arrangement,
  size: number,
): TrunkConfig {
  const channels = length(shapes, 'time_embed.0.weight', 1)
  const firsts = Array.from({ length: levels }, (_, level) => `input_blocks.${level * (blocks + 1) + 1}`)
  const width = (block: string) => shapes.get(`${block}.0.out_layers.3.weight`)?.[0] ?? 0
  const modulation = length(shapes, 'middle_block.0.emb_layers.1.weight', 0)
  return {
    size,
    channels,
    multipliers: firsts.map((block) => width(block) / channels),
    blocks,
    attention: firsts.flatMap((block, level) =>
      shapes.has(`${block}.1.qkv.weight`) ? [size / 2 ** level] : [],
    ),
    ...(facts.heads === undefined ? {} : { heads: facts.heads }),
    ...(facts.headChannels === undefined ? {} : { headChannels: facts.headChannels }),
    attentionOrder: facts.attentionOrder ?? 'legacy',
    conditioning:
      modulation === 2 * length(shapes, 'middle_block.0.out_layers.3.weight', 0) ? 'scale-shift' : 'add',
    resampling,
    dropout: facts.dropout ?? 0,
  }
}

function pooling(shapes: Shapes): { pool: Pooling; outChannels: number } {
  if (shapes.has('out.2.positional_embedding'))
    return { pool: 'attention', outChannels: length(shapes, 'out.2.c_proj.weight', 0) }
  if (shapes.get('out.3.weight')?.length === 4)
    return { pool: 'adaptive', outChannels: length(shapes, 'out.3.weight', 0) }
  if (shapes.has('out.3.weight'))
    return { pool: 'spatial-v2', outChannels: length(shapes, 'out.3.weight', 0) }
  return { pool: 'spatial', outChannels: length(shapes, 'out.2.weight', 0) }
}

/** The image's size from the positions that attention pooling has: one for each pixel that it sees, and one more. */
function pooledSize(shapes: Shapes, levels: number): number {
  const positions = shapes.get('out.2.positional_embedding')?.[1]
  if (positions !== undefined) return Math.sqrt(positions - 1) * 2 ** (levels - 1)
  throw new UnknownArchitectureError({
    reason: 'nothing in them shows the size of the image',
    advice: 'Give size.',
  })
}

function length(shapes: Shapes, name: string, axis: number): number {
  const found = shapes.get(name)?.[axis]
  if (found !== undefined) return found
  throw new UnknownArchitectureError({
    reason: `there is no ${name} of at least ${axis + 1} axes`,
    advice: 'Check that the file holds the weights of a UNet or an encoder, under the published names.',
  })
}
