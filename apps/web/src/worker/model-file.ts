/** What a weight file says of itself: its network, the process that it was trained for, the names of its classes. */
import type { WeightsReader } from '@guided-diffusion/checkpoints'
import type { DiffusionDescription } from '@guided-diffusion/diffusion'
import {
  describedNetwork,
  inferNetwork,
  type NetworkDescription,
  openNetwork,
  publishedModels,
  recognizePublished,
} from '@guided-diffusion/models'
import { ModelFileError } from './errors.ts'

export interface ModelFile {
  readonly name: string
  readonly file: Blob
  readonly network: NetworkDescription
  readonly diffusion: DiffusionDescription
  readonly classNames: readonly string[]
}

/**
 * Reads the directory of a file, not its weights.
 *
 * @throws ModelFileError; UnknownArchitectureError of `@guided-diffusion/models`, and the errors of
 *   `@guided-diffusion/checkpoints`.
 */
export async function readModelFile(name: string, file: Blob, signal: AbortSignal): Promise<ModelFile> {
  const { reader } = await openNetwork(new File([file], name), { signal })
  try {
    const shapes = new Map([...reader.tensors].map(([tensor, { shape }]) => [tensor, shape]))
    const network = describedNetwork(reader.metadata) ?? inferNetwork(shapes)
    const [published] = recognizePublished(shapes)
    const diffusion = described(name, reader) ?? (published && publishedModels[published].diffusion)
    if (!diffusion) {
      throw new ModelFileError({
        file: name,
        problem: 'does not say which process its network was trained for',
        advice: 'Give a model.safetensors that guided-diffusion train wrote, or a published checkpoint.',
      })
    }
    return { name, file, network, diffusion, classNames: namesIn(reader) }
  } finally {
    await reader.close()
  }
}

function described(name: string, { metadata }: WeightsReader): DiffusionDescription | undefined {
  if (metadata.diffusion === undefined) return undefined
  try {
    return JSON.parse(metadata.diffusion) as DiffusionDescription
  } catch {
    throw new ModelFileError({
      file: name,
      problem: 'has metadata "diffusion" that are not JSON',
      advice: 'The file is damaged; get it again.',
    })
  }
}

function namesIn({ metadata }: WeightsReader): readonly string[] {
  try {
    const names: unknown = JSON.parse(metadata.classes ?? '[]')
    return Array.isArray(names) && names.every((each) => typeof each === 'string') ? names : []
  } catch {
    return []
  }
}
