/**
 * What a weight file holds, from its directory alone: no tensor is read.
 */
import {
  openWeights,
  type PlainRecord,
  type TensorInfo,
  type WeightsFormat,
  type WeightsReader,
} from '@guided-diffusion/checkpoints'
import type { DiffusionDescription } from '@guided-diffusion/diffusion'
import {
  compareShapes,
  describedNetwork,
  inferNetwork,
  type NetworkDescription,
  networkSpecs,
  type PublishedName,
  publishedModels,
  recognizePublished,
  UnknownArchitectureError,
  WeightsMismatchError,
} from '@guided-diffusion/models'
import { WeightFileError } from './errors.ts'
import { readDiffusion, readNames, readTrainingProgress, type TrainingProgress } from './weight-metadata.ts'

/** A network that a file's tensors are those of. */
export interface FoundNetwork {
  readonly description: NetworkDescription
  /** How it was recognised. Shapes alone do not show heads, attention order and dropout. */
  readonly by: 'metadata' | 'published' | 'shapes'
  /** Whether the size of the image is known; else `description` has one that would fit. */
  readonly sizeKnown: boolean
}

export interface WeightFile {
  /** What the file is called in messages. */
  readonly name: string
  readonly format: WeightsFormat
  /** Bytes. */
  readonly size: number
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** What stands before the names of the network's tensors: `''`, `ema.`, `parameters/`. */
  readonly prefix: string
  /** Scalars of the network's tensors, or of all tensors where there is no network; tied ones count once. */
  readonly parameters: number
  readonly network?: FoundNetwork
  /** The published checkpoints that have exactly these tensors. */
  readonly published: readonly PublishedName[]
  /** The process that the network was trained for. */
  readonly diffusion?: DiffusionDescription
  /** Names of the classes 0, 1, …, where they are known. */
  readonly classes: readonly string[]
  /** Where it stands in a training run, if it is the state of one. */
  readonly training?: TrainingProgress
  /** What a PyTorch file holds beside tensors. */
  readonly values: PlainRecord
}

/**
 * @throws WeightFileError when the metadata are damaged or tell of other tensors, and the errors of
 *   `@guided-diffusion/checkpoints`.
 */
export async function readWeightFile(path: string | URL): Promise<WeightFile> {
  const reader = await openWeights(path)
  try {
    return describe(reader)
  } finally {
    await reader.close()
  }
}

function describe(reader: WeightsReader): WeightFile {
  const { name, format, size, tensors, metadata, values } = reader
  const prefix = networkPrefix(tensors)
  const own = [...tensors].filter(([name]) => name.startsWith(prefix))
  const shapes = new Map(own.map(([name, { shape }]) => [name.slice(prefix.length), shape]))
  const published = recognizePublished(shapes)
  const network = describedIn(reader, shapes) ?? recognised(shapes, published)
  const diffusion =
    readDiffusion(name, metadata) ?? (published[0] ? publishedModels[published[0]].diffusion : undefined)
  const training = readTrainingProgress(metadata)
  return {
    name,
    format,
    size,
    tensors,
    prefix,
    parameters: scalars(own.map(([, info]) => info)),
    ...(network ? { network } : {}),
    published,
    ...(diffusion ? { diffusion } : {}),
    classes: readNames(name, metadata),
    ...(training ? { training } : {}),
    values,
  }
}

/** Number of elements; tied tensors count once. */
export function scalars(tensors: readonly TensorInfo[]): number {
  return tensors
    .filter(({ sameAs }) => sameAs === undefined)
    .reduce((sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1), 0)
}

/** Where every network of this family has its first tensor. */
const first = 'time_embed.0.weight'

/** Where the network lies: in a saved state its parameters, else the shortest path there is. */
function networkPrefix(tensors: ReadonlyMap<string, unknown>): string {
  const prefixes = [...tensors.keys()]
    .filter((name) => name === first || name.endsWith(`.${first}`) || name.endsWith(`/${first}`))
    .map((name) => name.slice(0, -first.length))
  if (prefixes.includes('parameters/')) return 'parameters/'
  return prefixes.sort((a, b) => a.length - b.length)[0] ?? ''
}

type Shapes = ReadonlyMap<string, readonly number[]>

function describedIn({ name, metadata }: WeightsReader, shapes: Shapes): FoundNetwork | undefined {
  const description = describedNetwork(metadata)
  if (!description) return undefined
  const mismatches = compareShapes(networkSpecs(description), shapes)
  if (mismatches.length === 0) return { description, by: 'metadata', sizeKnown: true }
  throw new WeightFileError({
    file: name,
    problem: `does not hold the network that its metadata tell of: ${new WeightsMismatchError({ mismatches }).message.replace(/\.$/, '')}`,
    advice: 'The file is damaged or was changed by hand; get it again.',
  })
}

function recognised(shapes: Shapes, published: readonly PublishedName[]): FoundNetwork | undefined {
  if (published[0]) {
    const { kind, config } = publishedModels[published[0]]
    return { description: { kind, config } as NetworkDescription, by: 'published', sizeKnown: true }
  }
  // the positions of attention pooling show the size; where there are none, a size that any number of levels divides
  return inferred(shapes, true, {}) ?? inferred(shapes, false, { size: 512 })
}

function inferred(shapes: Shapes, sizeKnown: boolean, facts: { size?: number }): FoundNetwork | undefined {
  try {
    return { description: inferNetwork(shapes, facts), by: 'shapes', sizeKnown }
  } catch (error) {
    if (error instanceof UnknownArchitectureError) return undefined
    throw error
  }
}
