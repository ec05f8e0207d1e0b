/** What a weight file says of itself: its network, the process that it was trained for, the names of its classes. */
import type { WeightsReader } from '@guided-diffusion/checkpoints'
import { type DiffusionDescription, describedDiffusion } from '@guided-diffusion/diffusion'
import {
  describedNetwork,
  inferNetwork,
  type NetworkDescription,
  openNetwork,
  publishedModels,
  recognizePublished,
} from '@guided-diffusion/models'
import { type FileFacts, mostSize, mostTrained } from '../plan.ts'
import { ModelFileError, UndescribedFileError } from './errors.ts'

export interface ModelFile {
  readonly name: string
  readonly file: Blob
  readonly network: NetworkDescription
  readonly diffusion: DiffusionDescription
  readonly classNames: readonly string[]
}

/**
 * Reads the directory of a file, not its weights. `facts` are for what it does not say itself.
 *
 * @throws ModelFileError, UndescribedFileError; UnknownArchitectureError of `@guided-diffusion/models`, and the errors
 *   of `@guided-diffusion/checkpoints`.
 */
export async function readModelFile(
  name: string,
  file: Blob,
  { signal, facts }: { readonly signal: AbortSignal; readonly facts?: FileFacts | undefined },
): Promise<ModelFile> {
  const { reader } = await openNetwork(new File([file], name), { signal })
  try {
    const shapes = new Map([...reader.tensors].map(([tensor, { shape }]) => [tensor, shape]))
    const [published] = recognizePublished(shapes)
    const network =
      describedNetwork(reader.metadata) ?? (published ? inferNetwork(shapes) : networkOf(name, shapes, facts))
    const diffusion =
      described(name, reader) ??
      (published && publishedModels[published].diffusion) ??
      (facts && trained(facts, network))
    if (!diffusion) throw new UndescribedFileError(name)
    requireWhole(name, { fact: 'images of size', value: network.config.size, most: mostSize })
    return { name, file, network, diffusion, classNames: namesIn(reader) }
  } finally {
    await reader.close()
  }
}

/** What every network of the family has: other files are not worth asking about. */
const firstTensor = 'input_blocks.0.0.weight'

function networkOf(
  name: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  facts: FileFacts | undefined,
): NetworkDescription {
  if (!facts) {
    if (shapes.has(firstTensor)) throw new UndescribedFileError(name)
    return inferNetwork(shapes)
  }
  const { size, heads, attentionOrder } = facts
  const each = 'count' in heads ? { heads: heads.count } : { headChannels: heads.channels }
  return inferNetwork(shapes, { size, attentionOrder, ...each })
}

/** The reference code's process: 1000 steps, ε predicted, β as the variance where the network learned none. */
function trained({ schedule }: FileFacts, { config }: NetworkDescription): DiffusionDescription {
  const learned = config.outChannels === 2 * (config.inChannels ?? 3)
  return {
    schedule,
    steps: 1000,
    prediction: 'epsilon',
    variance: learned ? 'learned-range' : 'fixed-large',
  }
}

function described(name: string, { metadata }: WeightsReader): DiffusionDescription | undefined {
  if (metadata.diffusion === undefined) return undefined
  const found = parsed(name, metadata.diffusion)
  requireWhole(name, { fact: 'a number of diffusion steps of', value: found.steps, most: mostTrained })
  try {
    describedDiffusion(found as unknown as DiffusionDescription)
  } catch (error) {
    throw new ModelFileError({
      file: name,
      problem: `has metadata "diffusion" that no process has: ${(error as Error).message.replace(/\.$/, '')}`,
      advice: 'Write what the network was trained for, as `guided-diffusion train` does.',
    })
  }
  const { schedule, steps, prediction, variance } = found as unknown as DiffusionDescription
  return { schedule, steps, prediction, variance }
}

/** The object that a text of JSON holds. */
function parsed(name: string, text: string): Readonly<Record<string, unknown>> {
  try {
    const found: unknown = JSON.parse(text)
    if (typeof found === 'object' && found !== null && !Array.isArray(found))
      return found as Record<string, unknown>
  } catch {}
  throw new ModelFileError({
    file: name,
    problem: 'has metadata "diffusion" that are no object in JSON',
    advice: 'The file is damaged; get it again.',
  })
}

function requireWhole(
  file: string,
  { fact, value, most }: { readonly fact: string; readonly value: unknown; readonly most: number },
): void {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most) return
  throw new ModelFileError({
    file,
    problem: `tells of ${fact} ${JSON.stringify(value)}, expected a whole number from 1 to ${most}`,
    advice: 'Sample with it in Node, or correct what is said of it.',
  })
}

function namesIn({ metadata }: WeightsReader): readonly string[] {
  try {
    const names: unknown = JSON.parse(metadata.classes ?? '[]')
    return Array.isArray(names) && names.every((each) => typeof each === 'string') ? names : []
  } catch {
    return []
  }
}
