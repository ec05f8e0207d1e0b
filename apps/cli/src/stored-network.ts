/** Networks whose weights stay in their file: a traced graph points into it, and nothing is read twice. */

import { fileURLToPath } from 'node:url'
import { type Classifier, createClassifier } from '@guided-diffusion/classifier'
import { storedWeights } from '@guided-diffusion/compile/node'
import {
  createUNet,
  type EncoderUNetConfig,
  type NetworkDescription,
  networkSpecs,
  type ParameterKind,
  type Parameters,
  type UNet,
  type UNetConfig,
} from '@guided-diffusion/models'
import { loadClassifier, loadDenoiser, type TrainedNetwork } from './trained-network.ts'

/** Which axis of a file's tensor comes where in memory: OIHW → HWIO, `[out, in]` → `[in, out]`. */
const orders: Readonly<Partial<Record<ParameterKind, readonly number[]>>> = {
  conv2d: [2, 3, 1, 0],
  conv1d: [1, 0],
  linear: [1, 0],
  positional: [1, 0],
}

/** A denoiser for tracing: of float32 safetensors nothing is read yet, other files are loaded. Yours to dispose. */
export async function openDenoiser(found: TrainedNetwork<UNetConfig>, signal?: AbortSignal): Promise<UNet> {
  const { config } = found
  const parameters = await stored(found, { kind: 'unet', config })
  return parameters ? createUNet(config, { parameters }) : loadDenoiser(found, signal)
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

async function stored(
  { path, file }: TrainedNetwork<unknown>,
  description: NetworkDescription,
): Promise<Parameters | undefined> {
  const { format, prefix, tensors } = file
  const place = localPath(path)
  if (format !== 'safetensors' || place === undefined) return undefined
  const specs = networkSpecs(description)
  if (specs.some(({ name }) => tensors.get(prefix + name)?.dtype !== 'float32')) return undefined
  return storedWeights(
    place,
    Object.fromEntries(
      specs.map(({ name, kind }) => {
        const order = orders[kind]
        return [name, { name: prefix + name, ...(order ? { order } : {}) }]
      }),
    ),
  )
}

/** The path of a file on this machine; undefined for what comes over the network. */
function localPath(path: string | URL): string | undefined {
  const text = String(path)
  if (/^file:/i.test(text)) return fileURLToPath(text)
  return /^https?:/i.test(text) ? undefined : text
}
