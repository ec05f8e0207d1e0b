import { setImmediate } from 'node:timers/promises'
import { batches, type Dataset } from '@guided-diffusion/datasets'
import type { DiffusionDescription } from '@guided-diffusion/diffusion'
import {
  countParameters,
  descriptionKey,
  loadTensors,
  type NetworkDescription,
  networkSpecs,
  type ParameterSpec,
  type Parameters,
  saveNetwork,
  type WeightSource,
  WeightsMismatchError,
} from '@guided-diffusion/models'
import {
  adamw,
  disposeState,
  learningRate,
  loadState,
  saveState,
  stateWeights,
  type TrainingOptions,
  type TrainingState,
  type TrainingStep,
} from '@guided-diffusion/training'
import { openDataSet } from './data-set.ts'
import { startEngine } from './engine.ts'
import { UsageError, WeightFileError } from './errors.ts'
import { interruptSignal } from './interrupt.ts'
import { appendMetrics, rewindMetrics } from './metrics-log.ts'
import { progress } from './progress.ts'
import { type RunFolder, runFolder } from './run-folder.ts'
import type { RunPlace, TrainOptions } from './train-options.ts'
import { trainedMetadata } from './weight-metadata.ts'
import { makeFolder, requireWritable, writeBeside } from './write-beside.ts'

/** What is trained, and how; each kind of network makes its own. */
export interface Job {
  /** What noises the images, as it will stand beside the weights. */
  readonly diffusion: DiffusionDescription
  readonly description: NetworkDescription
  readonly network: { readonly specs: readonly ParameterSpec[]; readonly parameters: Parameters }
  begin(shared: TrainingOptions): AsyncIterable<TrainingStep>
}

/** What a job is made of; `weights` are those that it begins with. */
export interface JobInput {
  readonly dataset: Dataset
  weights(network: NetworkDescription): Promise<WeightSource>
}

/**
 * Trains in a folder: state, metrics and weights are written there, and Ctrl-C stops after a step that is saved.
 *
 * @param prepare makes the network, once data and engine are there.
 */
export async function trainIn(
  { out, resume, verbose }: RunPlace,
  options: TrainOptions,
  prepare: (input: JobInput) => Promise<Job>,
): Promise<void> {
  const signal = interruptSignal('it is saved, and --resume goes on from it')
  const files = runFolder(out)
  await requireWritable(files.state, 'file')
  const dataset = await openDataSet(options)
  const engine = await startEngine(options.engine, { purpose: 'training', verbose })
  const job = await prepare({ dataset, weights: (network) => firstWeights(options, resume, network) })
  const resumed = resume ? (await loadState(files.state, job.network)).state : undefined
  requireSteps(out, options, resumed)
  await makeFolder(out)
  await rewindMetrics(files.metrics, resumed?.step ?? 0)
  process.stderr.write(
    `${job.description.kind}: ${countParameters(job.network.parameters).toLocaleString('en')} parameters, ` +
      `${dataset.length.toLocaleString('en')} images of ${dataset.shape.join(' × ')}, ${engine.name}\n`,
  )
  if (resumed?.step === options.steps) process.stderr.write(`all ${options.steps} steps are made\n`)
  signal.throwIfAborted()
  await follow(job, files, { options, dataset, resumed, signal })
  console.log(files.weights)
}

/** Where a fresh run begins: the weights of a file, or fresh ones. A resumed one has its own. */
async function firstWeights(
  { init, seed }: TrainOptions,
  resume: boolean,
  network: NetworkDescription,
): Promise<WeightSource> {
  if (init === undefined || resume) return { seed }
  try {
    return await loadTensors(init, networkSpecs(network))
  } catch (error) {
    if (!(error instanceof WeightsMismatchError)) throw error
    throw new WeightFileError({
      file: init,
      problem: `has the weights of another network than these options make. ${error.message.replace(/\.$/, '')}`,
      advice: 'Give the options that it was trained with; guided-diffusion info shows them.',
    })
  }
}

function requireSteps(folder: string, { steps }: TrainOptions, resumed: TrainingState | undefined): void {
  if (resumed === undefined || steps >= resumed.step) return
  throw new UsageError(
    `The run in ${folder} has made ${resumed.step} steps already, more than ${steps}.`,
    '--steps counts those of the whole run: give a larger number to go on.',
  )
}

/** The loop: progress, metrics, saving. */
async function follow(
  job: Job,
  files: RunFolder,
  run: {
    options: TrainOptions
    dataset: Dataset
    resumed: TrainingState | undefined
    signal: AbortSignal
  },
): Promise<void> {
  const { options, dataset, resumed, signal } = run
  const { steps, batch } = options
  const from = resumed?.step ?? 0
  const line = progress('training', steps, { from })
  let loss = ''
  let logged = { step: from, at: performance.now() }
  try {
    for await (const step of job.begin(sharedOptions(options, dataset, resumed))) {
      // promises alone never let a Ctrl-C in
      await setImmediate()
      if (step.index === from + 1 && resumed) disposeState(resumed)
      if (step.metrics) {
        const seconds = (performance.now() - logged.at) / 1000 / (step.index - logged.step)
        logged = { step: step.index, at: performance.now() }
        loss = `loss ${step.metrics.loss.toPrecision(3)}`
        await appendMetrics(files.metrics, {
          step: step.index,
          samples: step.samples,
          learningRate: step.learningRate,
          ...step.metrics,
          samplesPerSecond: Number((batch / seconds).toPrecision(4)),
        })
      }
      line.update(step.index, loss)
      const last = step.index === steps
      if (last || signal.aborted || step.index % options.saveEvery === 0)
        await save(job, files, { state: step.state, options, classes: dataset.classes })
      if (!last) signal.throwIfAborted()
    }
  } finally {
    line.end()
  }
}

function sharedOptions(
  options: TrainOptions,
  dataset: Dataset,
  resumed: TrainingState | undefined,
): TrainingOptions {
  const { steps, warmup, anneal, batch, seed, flip } = options
  return {
    data: ({ step }) => batches(dataset, { batch, seed, start: step, flip }),
    steps,
    seed,
    optimizer: adamw({ learningRate: options.learningRate, weightDecay: options.weightDecay }),
    learningRate: learningRate({ warmup, anneal, steps }),
    ema: options.ema,
    lossEvery: options.logEvery,
    ...(options.microbatch ? { microbatch: options.microbatch } : {}),
    ...(options.clip ? { clip: options.clip } : {}),
    ...(resumed ? { state: resumed } : {}),
  }
}

/** The state to resume from with the options that made it, and the averaged weights as a network to sample. */
async function save(
  { description, diffusion }: Job,
  files: RunFolder,
  run: { state: TrainingState; options: TrainOptions; classes: readonly string[] },
): Promise<void> {
  const { state, options, classes } = run
  const metadata = trainedMetadata(diffusion, classes)
  const config = { kind: description.kind, ...options }
  await writeBeside(files.config, `${JSON.stringify(config, null, 2)}\n`)
  await saveState(files.state, state, { ...metadata, [descriptionKey]: JSON.stringify(description) })
  const tensors = await stateWeights(state, options.ema.at(-1))
  await saveNetwork(files.weights, { description, tensors }, { dtype: 'float16', metadata })
}
