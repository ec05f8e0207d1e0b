/** Networks whose weights stay in their file: a traced graph points into it, and nothing is read twice. */

import { fileURLToPath } from 'node:url'
import { openWeights } from '@guided-diffusion/checkpoints'
import { type Classifier, createClassifier } from '@guided-diffusion/classifier'
import { type StoredWeight, storedWeights } from '@guided-diffusion/compile/node'
import {
  createSuperResolutionUNet,
  createUNet,
  type EncoderUNetConfig,
  memoryOrder,
  type NetworkDescription,
  networkSpecs,
  type Parameters,
  type SuperResolutionUNet,
  type UNet,
  type UNetConfig,
} from '@guided-diffusion/models'
import { loadClassifier, loadDenoiser, loadUpsampler, type TrainedNetwork } from './trained-network.ts'

/** A denoiser for tracing: of a file of float32 or float16 on this machine nothing is read yet, others are loaded. Yours to dispose. */
export async function openDenoiser(found: TrainedNetwork<UNetConfig>, signal?: AbortSignal): Promise<UNet> {
  const { config } = found
  const parameters = await stored(found, { kind: 'unet', config })
  return parameters ? createUNet(config, { parameters }) : loadDenoiser(found, signal)
}

/** An upsampler, likewise. */
export async function openUpsampler(
  found: TrainedNetwork<UNetConfig>,
  signal?: AbortSignal,
): Promise<SuperResolutionUNet> {
  const { config } = found
  const parameters = await stored(found, { kind: 'super-resolution', config })
  return parameters ? createSuperResolutionUNet(config, { parameters }) : loadUpsampler(found, signal)
}

/** A classifier, likewise. */
export async function openClassifier(
  found: TrainedNetwork<EncoderUNetConfig>,
  signal?: AbortSignal,
): Promise<Classifier> {
  const { outChannels, ...trunk } = found.config
  const parameters = await stored(found, { kind: 'classifier', config: found.config })
  return parameters
    ? createClassifier({ ...trunk, classes: outChannels }, { parameters })
    : loadClassifier(found, signal)
}

/** Undefined where some weight does not lie in the file as it is used. */
async function stored(
  { path, file: { prefix } }: TrainedNetwork<unknown>,
  description: NetworkDescription,
): Promise<Parameters | undefined> {
  const local = localPath(path)
  if (local === undefined) return undefined
  const reader = await openWeights(local)
  try {
    const weights: Record<string, StoredWeight> = {}
    for (const { name, kind, shape } of networkSpecs(description)) {
      const tensor = prefix + name
      const { dtype } = reader.tensors.get(tensor) ?? {}
      if (dtype !== 'float32' && dtype !== 'float16') return undefined
      const place = await reader.place(tensor)
      if (!place) return undefined
      const order = memoryOrder(kind)
      weights[name] = { offset: place.offset, dtype, shape, ...(order.length > 0 ? { order } : {}) }
    }
    return storedWeights(local, weights)
  } finally {
    await reader.close()
  }
}

/** The path of a file on this machine; undefined for what comes over the network. */
function localPath(path: string | URL): string | undefined {
  const text = String(path)
  if (/^file:/i.test(text)) return fileURLToPath(text)
  return /^https?:/i.test(text) ? undefined : text
}
