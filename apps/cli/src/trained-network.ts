import { type Classifier, loadClassifier as load } from '@guided-diffusion/classifier'
import type { DiffusionDescription } from '@guided-diffusion/diffusion'
import {
  type EncoderUNetConfig,
  loadSuperResolutionUNet,
  loadUNet,
  type NetworkDescription,
  type NetworkKind,
  type SuperResolutionUNet,
  type UNet,
  type UNetConfig,
} from '@guided-diffusion/models'
import type { Classes } from './class-list.ts'
import { WeightFileError } from './errors.ts'
import { imageNetClasses } from './imagenet-classes.ts'
import { readWeightFile, type WeightFile } from './weight-file.ts'

/** A weight file that is ready to be loaded: its network, and the process it was trained for. */
export interface TrainedNetwork<C> {
  readonly path: string | URL
  readonly file: WeightFile
  readonly config: C
  readonly diffusion: DiffusionDescription
  /** The classes that it knows by name; a count of 0 where it knows none. */
  readonly classes: Classes
}

/** Checks that a file holds a denoiser; loads nothing. */
export function findDenoiser(path: string | URL): Promise<TrainedNetwork<UNetConfig>> {
  return find<UNetConfig>(path, 'unet')
}

/** Checks that a file holds a classifier; loads nothing. */
export function findClassifier(path: string | URL): Promise<TrainedNetwork<EncoderUNetConfig>> {
  return find<EncoderUNetConfig>(path, 'classifier')
}

/** Checks that a file holds an upsampler; loads nothing. */
export function findUpsampler(path: string | URL): Promise<TrainedNetwork<UNetConfig>> {
  return find<UNetConfig>(path, 'super-resolution')
}

/** Loads a denoiser. Yours to dispose. */
export function loadDenoiser(
  { path, file, config }: TrainedNetwork<UNetConfig>,
  signal?: AbortSignal,
): Promise<UNet> {
  return loadUNet(path, { config, under: under(file), signal })
}

/** Loads an upsampler. Yours to dispose. */
export function loadUpsampler(
  { path, file, config }: TrainedNetwork<UNetConfig>,
  signal?: AbortSignal,
): Promise<SuperResolutionUNet> {
  return loadSuperResolutionUNet(path, { config, under: under(file), signal })
}

/** Loads a classifier. Yours to dispose. */
export function loadClassifier(
  { path, file, config: { outChannels, ...trunk } }: TrainedNetwork<EncoderUNetConfig>,
  signal?: AbortSignal,
): Promise<Classifier> {
  return load(path, { config: { ...trunk, classes: outChannels }, under: under(file), signal })
}

const under = ({ prefix }: WeightFile) => (prefix === '' ? undefined : prefix.slice(0, -1))

const called: Readonly<Record<NetworkKind, string>> = {
  unet: 'a denoiser',
  'super-resolution': 'an upsampler',
  classifier: 'a classifier',
}

async function find<C extends NetworkDescription['config']>(
  path: string | URL,
  kind: NetworkKind,
): Promise<TrainedNetwork<C>> {
  const file = await readWeightFile(path)
  const { network, diffusion, name, training } = file
  const problem = training
    ? 'is the state of a training run'
    : !network
      ? 'holds no network of this family'
      : network.description.kind !== kind
        ? `holds ${called[network.description.kind]}, not ${called[kind]}`
        : network.by === 'shapes'
          ? 'does not say how its network was configured'
          : diffusion
            ? undefined
            : 'does not say which process its network was trained for'
  if (problem === undefined && network && diffusion)
    return {
      path,
      file,
      config: network.description.config as C,
      diffusion,
      classes: classesOf(file, network.description),
    }
  throw new WeightFileError({
    file: name,
    problem: problem as string,
    advice: training
      ? 'Give the model.safetensors beside it.'
      : `Give ${called[kind]}: a model.safetensors that guided-diffusion train wrote, or a published checkpoint.`,
  })
}

/** The names that the file has; those of ImageNet for a published network that was trained on it. */
function classesOf({ classes: names, published }: WeightFile, description: NetworkDescription): Classes {
  const { kind, config } = description
  const count = kind === 'classifier' ? config.outChannels : config.classes
  if (published.length > 0 && count === 1000) return imageNetClasses()
  return { count: names.length, names }
}
