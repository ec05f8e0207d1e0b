import { type Classifier, createClassifier } from '@guided-diffusion/classifier'
import type { DiffusionDescription } from '@guided-diffusion/diffusion'
import {
  type EncoderUNetConfig,
  loadUNet,
  type NetworkDescription,
  networkSpecs,
  openNetwork,
  readTensors,
  type UNet,
} from '@guided-diffusion/models'
import { UsageError } from './errors.ts'

/** What weight files of this program say beside the weights. */
export interface TrainingFacts {
  /** The process that the network was trained for. */
  readonly diffusion: DiffusionDescription
  /** Names of the classes 0, 1, …. */
  readonly classes: readonly string[]
}

/** A denoiser's file, loaded. Yours to dispose. */
export async function openDenoiser(
  path: string | URL,
  signal?: AbortSignal,
): Promise<{ unet: UNet; facts: TrainingFacts }> {
  const { facts } = await factsOf(path)
  return { unet: await loadUNet(path, signal ? { signal } : {}), facts }
}

/** A classifier's file, loaded. Yours to dispose. */
export async function openClassifier(
  path: string | URL,
): Promise<{ classifier: Classifier; facts: TrainingFacts }> {
  const { reader, description } = await openNetwork(path)
  try {
    const facts = readFacts(reader.name, reader.metadata)
    if (description?.kind !== 'classifier') throw wrongKind(reader.name, description, 'classifier')
    const { outChannels, ...trunk } = description.config as EncoderUNetConfig
    const tensors = await readTensors(reader, networkSpecs(description))
    return { classifier: createClassifier({ ...trunk, classes: outChannels }, tensors), facts }
  } finally {
    await reader.close()
  }
}

async function factsOf(path: string | URL) {
  const { reader, description } = await openNetwork(path)
  try {
    if (description?.kind !== 'unet') throw wrongKind(reader.name, description, 'denoiser')
    return { facts: readFacts(reader.name, reader.metadata) }
  } finally {
    await reader.close()
  }
}

function wrongKind(name: string, description: NetworkDescription | undefined, wanted: string): UsageError {
  return new UsageError(
    description
      ? `${name} holds a ${description.kind} network, not a ${wanted}.`
      : `${name} does not say what network it holds.`,
    `Give a file that guided-diffusion train ${wanted} wrote.`,
  )
}

function readFacts(name: string, metadata: Readonly<Record<string, string>>): TrainingFacts {
  try {
    const diffusion = JSON.parse(metadata.diffusion ?? '') as DiffusionDescription
    const classes = JSON.parse(metadata.classes ?? '[]') as string[]
    if (
      typeof diffusion === 'object' &&
      diffusion &&
      Array.isArray(classes) &&
      classes.every((each) => typeof each === 'string')
    )
      return { diffusion, classes }
  } catch {}
  throw new UsageError(
    `${name} does not say which process its network was trained for.`,
    'Give a file that guided-diffusion train wrote: its metadata hold schedule, prediction and variance.',
  )
}
