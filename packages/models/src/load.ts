import type { OpenOptions, WeightsReader, WeightsSource } from '@guided-diffusion/checkpoints'
import { createEncoderUNet, type EncoderUNet } from './encoder-unet.ts'
import { UnknownArchitectureError } from './errors.ts'
import { type NetworkDescription, openNetwork, readTensors } from './network-file.ts'
import type { ParameterSpec } from './parameters.ts'
import { createSuperResolutionUNet, type SuperResolutionUNet } from './super-resolution.ts'
import { createUNet, type UNet } from './unet.ts'
import { completeConfig, type EncoderUNetConfig, type UNetConfig } from './unet-config.ts'
import { planEncoderUNet, planUNet } from './unet-plan.ts'
import type { FileTensors } from './weights.ts'

/** @template C the network's configuration; the file's own is used when absent. */
export interface LoadOptions<C> extends OpenOptions {
  readonly config?: C
}

/**
 * Loads a UNet from a path, URL, Blob or bytes. Yours to dispose.
 *
 * @throws UnknownArchitectureError when the file says nothing of its network and no `config` is given;
 *   WeightsMismatchError, and the errors of `@guided-diffusion/checkpoints`.
 */
export function loadUNet(source: WeightsSource, options: LoadOptions<UNetConfig> = {}): Promise<UNet> {
  return load(source, options, 'unet', (config) => planUNet(completeConfig(config)).parameters, createUNet)
}

/** Loads a super-resolution UNet; see `loadUNet`. */
export function loadSuperResolutionUNet(
  source: WeightsSource,
  options: LoadOptions<UNetConfig> = {},
): Promise<SuperResolutionUNet> {
  const specs = (config: UNetConfig) => {
    const complete = completeConfig(config)
    return planUNet({ ...complete, inChannels: 2 * complete.inChannels }).parameters
  }
  return load(source, options, 'super-resolution', specs, createSuperResolutionUNet)
}

/** Loads an encoder UNet, the trunk of a classifier; see `loadUNet`. */
export function loadEncoderUNet(
  source: WeightsSource,
  options: LoadOptions<EncoderUNetConfig> = {},
): Promise<EncoderUNet> {
  const specs = (config: EncoderUNetConfig) => planEncoderUNet(completeConfig(config)).parameters
  return load(source, options, 'classifier', specs, createEncoderUNet)
}

async function load<C, N>(
  source: WeightsSource,
  { config, ...options }: LoadOptions<C>,
  kind: NetworkDescription['kind'],
  specs: (config: C) => readonly ParameterSpec[],
  create: (config: C, tensors: FileTensors) => N,
): Promise<N> {
  const { reader, description } = await openNetwork(source, options)
  try {
    const chosen = config ?? describedConfig<C>(reader, description, kind)
    return create(chosen, await readTensors(reader, specs(chosen)))
  } finally {
    await reader.close()
  }
}

function describedConfig<C>(
  reader: WeightsReader,
  description: NetworkDescription | undefined,
  kind: NetworkDescription['kind'],
): C {
  if (description?.kind === kind) return description.config as C
  throw new UnknownArchitectureError({
    reason: description
      ? `${reader.name} holds a ${description.kind}, not a ${kind}`
      : `${reader.name} does not say which network its tensors belong to`,
    advice: description ? 'Load it as what it is.' : 'Give the configuration it was trained with.',
  })
}
