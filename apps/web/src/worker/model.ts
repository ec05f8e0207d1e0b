/** The networks of a run: a denoiser, and the classifier that guides it where there is one. */
import { type Classifier, loadClassifier } from '@guided-diffusion/classifier'
import type { CompiledSteps, GraphRuntime } from '@guided-diffusion/compile'
import type { Denoiser, DiffusionDescription } from '@guided-diffusion/diffusion'
import { unconditional } from '@guided-diffusion/guidance'
import { loadUNet, type NetworkDescription, type UNet } from '@guided-diffusion/models'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import { builtIn, type FileFacts, type ModelChoice } from '../plan.ts'
import { kindOf } from '../problem-kinds.ts'
import { type Loading, type ModelFacts, problemOf } from '../protocol.ts'
import { ClassifierFileError, ModelFileError, UndescribedFileError } from './errors.ts'
import { type ModelFile, readModelFile } from './model-file.ts'
import { stepGraphs } from './step-graphs.ts'
import { droppedFile, forgetWeightFile, weightFile } from './weight-cache.ts'

export interface Model {
  readonly facts: ModelFacts
  readonly unet: UNet
  /** The network as runs use it: not told the class where it can do without. */
  readonly denoiser: Denoiser
  readonly diffusion: DiffusionDescription
  readonly classifier?: Classifier
  /** Its steps as graphs of a runtime; what the last run had is there for the next. */
  steps(runtime: GraphRuntime): CompiledSteps
  /** Frees the weights, and the graphs. */
  dispose(): void
}

export interface LoadModelOptions {
  readonly signal: AbortSignal
  readonly onProgress: (loading: Loading) => void
  /** Files that were dropped in this visit, by name. */
  readonly dropped: ReadonlyMap<string, Blob>
}

/**
 * Loads a denoiser and its classifier onto the engine that runs.
 *
 * @throws ModelFileError, DownloadError, and what the packages throw that read files.
 */
export async function loadModel(choice: ModelChoice, options: LoadModelOptions): Promise<Model> {
  const { signal, onProgress } = options
  const denoiserFile = await findFile(choice.denoiser, 'denoiser', choice.facts, options)
  if (denoiserFile.network.kind === 'classifier') throw new ClassifierFileError(denoiserFile.name)
  if (denoiserFile.network.kind !== 'unet') throw wrongKind(denoiserFile, 'denoiser')
  const config = denoiserFile.network.config
  const guide = await findGuide(choice, denoiserFile, options)
  const unet = await loadUNet(denoiserFile.file, {
    config,
    signal,
    onProgress: (progress) => onProgress({ stage: 'weights', ...progress }),
  }).catch(forgetting(choice.denoiser, 'denoiser', choice.facts))
  const classifier =
    guide.file &&
    (await loadGuide(guide.file, options)
      .catch(forgetting(choice.classifier ?? builtIn, 'classifier', choice.facts))
      .catch((error) => {
        unet.dispose()
        throw error
      }))
  const told = config.nullClass ? undefined : config.classes
  const classNames = guide.file?.classNames.length ? guide.file.classNames : denoiserFile.classNames
  const graphs = stepGraphs([unet.parameters, ...(classifier ? [classifier.parameters] : [])])
  return {
    unet,
    denoiser: told === undefined ? unconditional(unet) : unet,
    diffusion: denoiserFile.diffusion,
    ...(classifier ? { classifier } : {}),
    facts: {
      name: choice.denoiser === builtIn ? 'Fashion-MNIST' : denoiserFile.name,
      shape: [unet.config.size, unet.config.size, unet.config.inChannels],
      classes: classifier?.classes ?? told ?? 0,
      classNames,
      ...(guide.why ? { unguided: guide.why } : {}),
    },
    steps: graphs.of,
    dispose: () => {
      graphs.dispose()
      unet.dispose()
      classifier?.dispose()
    },
  }
}

function loadGuide(
  { file, network }: ModelFile,
  { signal, onProgress }: LoadModelOptions,
): Promise<Classifier> {
  const { outChannels, ...trunk } = (network as Extract<NetworkDescription, { kind: 'classifier' }>).config
  return loadClassifier(file, {
    config: { ...trunk, classes: outChannels },
    signal,
    onProgress: (progress) => onProgress({ stage: 'weights', ...progress }),
  })
}

const addresses = { denoiser: pretrained.denoiser, classifier: pretrained.classifier }

type Stage = keyof typeof addresses

const addressOf = (place: string, stage: Stage) => (place === builtIn ? addresses[stage].href : place)

/**
 * Handles an error of reading a file: what the file itself makes impossible lets the browser forget it. A server that
 * answered with a page in place of the weights, say, is asked once more at the next try.
 */
function forgetting(place: string, stage: Stage, facts: FileFacts | undefined) {
  return async (error: unknown): Promise<never> => {
    if (isOfFile(error, facts)) await forgetWeightFile(addressOf(place, stage))
    throw error
  }
}

/** Whether another copy of a file might do: not where it only does not say enough, or what was said of it does not fit. */
function isOfFile(error: unknown, facts: FileFacts | undefined): boolean {
  const problem = problemOf(error)
  if (error instanceof UndescribedFileError || kindOf(problem) !== 'file') return false
  return facts === undefined || !misfits.includes(problem.name)
}

const misfits = ['ModelConfigError', 'UnknownArchitectureError', 'WeightsMismatchError']

async function findFile(
  place: string,
  stage: Stage,
  facts: FileFacts | undefined,
  { signal, onProgress, dropped }: LoadModelOptions,
): Promise<ModelFile> {
  if (place.startsWith('file:')) {
    const name = place.slice('file:'.length)
    const file = dropped.get(name) ?? (await droppedFile(name))
    if (file) return readModelFile(name, file, { signal, facts })
    throw new ModelFileError({
      file: name,
      problem: 'is a file on the device of whoever made the link',
      advice: 'Drop the file of that name on the page, or sample with the built-in model.',
    })
  }
  const address = addressOf(place, stage)
  const file = await weightFile(address, {
    signal,
    onProgress: (progress) => onProgress({ stage, ...progress }),
  })
  const name = decodeURIComponent(new URL(address).pathname.split('/').at(-1) || address)
  return readModelFile(name, file, { signal, facts }).catch(forgetting(place, stage, facts))
}

/** The classifier that was chosen; else the built-in one where it reads the same images with the same noise. */
async function findGuide(
  choice: ModelChoice,
  denoiser: ModelFile,
  options: LoadModelOptions,
): Promise<{ readonly file?: ModelFile; readonly why?: string }> {
  const file = await findFile(choice.classifier ?? builtIn, 'classifier', choice.facts, options)
  if (file.network.kind !== 'classifier') throw wrongKind(file, 'classifier')
  const difference = mismatch(denoiser, file)
  if (!difference) return { file }
  if (choice.classifier !== undefined) {
    throw new ModelFileError({
      file: file.name,
      problem: `can't guide ${denoiser.name}: ${difference}`,
      advice: 'Give a classifier that was trained for the same images and the same schedule.',
    })
  }
  return { why: `No classifier fits ${denoiser.name}: drop one beside it to guide its samples.` }
}

function mismatch(a: ModelFile, b: ModelFile): string | undefined {
  const shapes = [a, b].map(
    ({ network: { config } }) => `${config.size}×${config.size}×${config.inChannels ?? 3}`,
  )
  if (shapes[0] !== shapes[1]) return `one is made for images of ${shapes[0]}, the other of ${shapes[1]}`
  const noises = [a, b].map(({ diffusion: { schedule, steps } }) => `${steps} ${schedule} steps`)
  if (noises[0] !== noises[1]) return `one is made for noise of ${noises[0]}, the other of ${noises[1]}`
  return undefined
}

function wrongKind({ name, network }: ModelFile, wanted: 'denoiser' | 'classifier'): ModelFileError {
  const called = { unet: 'a denoiser', classifier: 'a classifier', 'super-resolution': 'an upsampler' }
  return new ModelFileError({
    file: name,
    problem: `holds ${called[network.kind]}, not a ${wanted}`,
    advice: 'Drop a denoiser and, where you want guidance, the classifier that was trained for it.',
  })
}
