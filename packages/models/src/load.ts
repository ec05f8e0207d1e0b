import type { OpenOptions, WeightsReader, WeightsSource } from '@guided-diffusion/checkpoints'
import { createEncoderUNet, type EncoderUNet } from './encoder-unet.ts'
import { UnknownArchitectureError } from './errors.ts'
import { inferNetwork } from './infer-config.ts'
import { loadParameters, type NetworkDescription, type NetworkKind, openNetwork } from './network-file.ts'
import { networkSpecs } from './network-specs.ts'
import { createSuperResolutionUNet, type SuperResolutionUNet } from './super-resolution.ts'
import { createUNet, type UNet } from './unet.ts'
import type { EncoderUNetConfig, UNetConfig } from './unet-config.ts'
import type { WeightSource } from './weights.ts'

/** @template C the network's configuration; when absent the file's own, or that of the published network it is. */
export interface LoadOptions<C> extends OpenOptions {
  readonly config?: C
}

/**
 * Loads a UNet from a path, URL, Blob or bytes. Yours to dispose.
 *
 * @throws UnknownArchitectureError when no `config` is given, the file says nothing of its network, and its tensors
 *   are not those of a published one; WeightsMismatchError, and the errors of `@guided-diffusion/checkpoints`.
 */
export function loadUNet(source: WeightsSource, options: LoadOptions<UNetConfig> = {}): Promise<UNet> {
  return load(source, options, 'unet', createUNet)
}

/** Loads a super-resolution UNet; see `loadUNet`. */
export function loadSuperResolutionUNet(
  source: WeightsSource,
  options: LoadOptions<UNetConfig> = {},
): Promise<SuperResolutionUNet> {
  return load(source, options, 'super-resolution', createSuperResolutionUNet)
}

/** Loads an encoder UNet, the trunk of a classifier; see `loadUNet`. */
export function loadEncoderUNet(
  source: WeightsSource,
  options: LoadOptions<EncoderUNetConfig> = {},
): Promise<EncoderUNet> {
  return load(source, options, 'classifier', createEncoderUNet)
}

type ConfigOf<K extends NetworkKind> = Extract<NetworkDescription, { kind: K }>['config']

async function load<K extends NetworkKind, N>(
  source: WeightsSource,
  { config, ...options }: LoadOptions<ConfigOf<K>>,
  kind: K,
  create: (config: ConfigOf<K>, weights: WeightSource) => N,
): Promise<N> {
  const { reader, description } = await openNetwork(source, options)
  try {
    const chosen = config ?? configOf(reader, description, kind)
    const specs = networkSpecs({ kind, config: chosen } as NetworkDescription)
    return create(chosen, { parameters: await loadParameters(reader, specs) })
  } finally {
    await reader.close()
  }
}

function configOf<K extends NetworkKind>(
  reader: WeightsReader,
  described: NetworkDescription | undefined,
  kind: K,
): ConfigOf<K> {
  const network =
    described ?? inferNetwork(new Map([...reader.tensors].map(([name, { shape }]) => [name, shape])))
  if (network.kind === kind) return network.config as ConfigOf<K>
  throw new UnknownArchitectureError({
    reason: `${reader.name} holds a ${network.kind} network, not a ${kind} network`,
    advice: 'Load it as what it is.',
  })
}
