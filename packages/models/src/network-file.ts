/**
 * Networks as safetensors files: tensors under the published names, and in the metadata what they are.
 */
import {
  type FloatTarget,
  type OpenOptions,
  openWeights,
  saveSafetensors,
  toFloat32,
  type WeightsReader,
  type WeightsSource,
  type WeightTensor,
} from '@guided-diffusion/checkpoints'
import * as tf from '@tensorflow/tfjs-core'
import { UnknownArchitectureError, WeightsMismatchError } from './errors.ts'
import { disposeParameters, type ParameterSpec, type Parameters } from './parameters.ts'
import type { EncoderUNetConfig, UNetConfig } from './unet-config.ts'
import { compareShapes, createParameter, type FileTensors } from './weights.ts'

/** What a weight file says it holds. */
export type NetworkDescription =
  | { readonly kind: 'unet'; readonly config: UNetConfig }
  | { readonly kind: 'super-resolution'; readonly config: UNetConfig }
  | { readonly kind: 'classifier'; readonly config: EncoderUNetConfig }

export type NetworkKind = NetworkDescription['kind']

/** Key of the metadata that holds the description, as JSON. */
export const descriptionKey = 'network'

/** The description in a file's metadata, if there is one. */
export function describedNetwork(metadata: Readonly<Record<string, string>>): NetworkDescription | undefined {
  const text = metadata[descriptionKey]
  if (text === undefined) return undefined
  try {
    const value = JSON.parse(text) as NetworkDescription
    if (['unet', 'super-resolution', 'classifier'].includes(value.kind) && typeof value.config === 'object')
      return value
  } catch {}
  throw new UnknownArchitectureError({
    reason: `the metadata under "${descriptionKey}" is not a network's description`,
    advice: 'Write weight files with saveNetwork, or load them with an explicit configuration.',
  })
}

/** Writes a network: beside, then renamed. `metadata` is kept with it. */
export async function saveNetwork(
  path: string,
  network: { readonly description: NetworkDescription; readonly tensors: FileTensors },
  options: { readonly dtype?: FloatTarget; readonly metadata?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const tensors = new Map<string, WeightTensor>()
  for (const [name, { shape, data }] of network.tensors) tensors.set(name, { dtype: 'float32', shape, data })
  await saveSafetensors(
    path,
    { tensors },
    {
      dtype: options.dtype,
      metadata: { ...options.metadata, [descriptionKey]: JSON.stringify(network.description) },
    },
  )
}

/** A weight file opened for a network of this family. */
export interface NetworkFile {
  readonly reader: WeightsReader
  readonly description?: NetworkDescription
}

/** Opens a file and reads its description. Close the reader. */
export async function openNetwork(source: WeightsSource, options: OpenOptions = {}): Promise<NetworkFile> {
  const reader = await openWeights(source, options)
  try {
    const description = describedNetwork(reader.metadata)
    return { reader, ...(description ? { description } : {}) }
  } catch (error) {
    await reader.close()
    throw error
  }
}

/**
 * The tensors of a plan, as float32 in file layout.
 *
 * @throws WeightsMismatchError listing all tensors that do not fit, before any is read.
 */
export async function readTensors(
  reader: WeightsReader,
  specs: readonly ParameterSpec[],
): Promise<FileTensors> {
  requireShapes(reader, specs)
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>()
  for (const { name, shape } of specs) tensors.set(name, { shape, data: toFloat32(await reader.read(name)) })
  return tensors
}

/**
 * The tensors of a plan on the running backend, in its layout. Each is read, turned and handed over before the next, so
 * that no second copy of the whole is ever there. Yours to dispose.
 *
 * @throws WeightsMismatchError listing all tensors that do not fit, before any is read.
 */
export async function loadParameters(
  reader: WeightsReader,
  specs: readonly ParameterSpec[],
): Promise<Parameters> {
  requireShapes(reader, specs)
  const parameters: Record<string, tf.Tensor> = {}
  try {
    for (const spec of specs) {
      const tensor = createParameter(spec, toFloat32(await reader.read(spec.name)))
      parameters[spec.name] = tensor
      takeNow(tensor)
    }
  } catch (error) {
    disposeParameters(parameters)
    throw error
  }
  return parameters
}

/**
 * Makes the engine take a tensor's values. Some keep them in JavaScript until the first use, and all weights would then
 * be there twice at the first pass.
 */
function takeNow(tensor: tf.Tensor): void {
  const one = tensor.shape.map(() => 1)
  tf.dispose(tf.slice(tensor, new Array<number>(tensor.rank).fill(0), one))
}

function requireShapes({ tensors }: WeightsReader, specs: readonly ParameterSpec[]): void {
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]))
  const mismatches = compareShapes(specs, shapes)
  if (mismatches.length > 0) throw new WeightsMismatchError({ mismatches })
}

/** The tensors of a plan from a file; see `readTensors` and the errors of `@guided-diffusion/checkpoints`. */
export async function loadTensors(
  source: WeightsSource,
  specs: readonly ParameterSpec[],
  options: OpenOptions = {},
): Promise<FileTensors> {
  const reader = await openWeights(source, options)
  try {
    return await readTensors(reader, specs)
  } finally {
    await reader.close()
  }
}
