import { createClassifier } from '@guided-diffusion/classifier'
import { batches } from '@guided-diffusion/datasets'
import { type DiffusionDescription, describedDiffusion, learnsVariance } from '@guided-diffusion/diffusion'
import {
  countParameters,
  createUNet,
  loadTensors,
  type NetworkDescription,
  networkSpecs,
  saveNetwork,
  type WeightSource,
} from '@guided-diffusion/models'
import {
  adamw,
  learningRate,
  loadState,
  saveState,
  stateWeights,
  type TrainingOptions,
  type TrainingState,
  type TrainingStep,
  trainClassifier,
  trainDenoiser,
} from '@guided-diffusion/training'
import { Command, Option } from 'commander'
import { openDataSet } from '../data-set.ts'
import { engineOption, startEngine } from '../engine.ts'
import { interruptSignal } from '../interrupt.ts'
import { list, number, whole } from '../numbers.ts'
import { progress } from '../progress.ts'
import { appendMetrics, openRun, type RunFolder, rewindMetrics } from '../run-folder.ts'

interface TrainOptions {
  readonly data: string
  readonly out: string
  readonly size?: number
  readonly classNames?: string[]
  readonly steps: number
  readonly batch: number
  readonly microbatch?: number
  readonly learningRate: number
  readonly weightDecay: number
  readonly warmup: number
  readonly anneal: 'none' | 'linear' | 'cosine'
  readonly clip?: number
  readonly ema: number[]
  readonly flip: number
  readonly timesteps: 'uniform' | 'loss-second-moment'
  readonly dropout: number
  readonly width: number
  readonly multipliers: number[]
  readonly blocks: number
  readonly attention: number[]
  readonly headWidth: number
  readonly schedule: 'linear' | 'cosine'
  readonly diffusionSteps: number
  readonly seed: number
  readonly init?: string
  readonly saveEvery: number
  readonly logEvery: number
  readonly resume: boolean
  readonly engine: string
}

interface DenoiserOptions extends TrainOptions {
  readonly prediction: DiffusionDescription['prediction']
  readonly variance: DiffusionDescription['variance']
  readonly loss: 'simple' | 'mse' | 'hybrid' | 'kl' | 'rescaled-kl'
  readonly minSnr?: number
  readonly labelDropout: number
  readonly unconditional: boolean
}

interface ClassifierOptions extends TrainOptions {
  readonly pool: 'adaptive' | 'attention' | 'spatial' | 'spatial-v2'
}

export const train = new Command('train')
  .description('train a denoiser, or a classifier of noised images that guides it')
  .addCommand(denoiserCommand())
  .addCommand(classifierCommand())

function denoiserCommand(): Command {
  return sharedOptions(new Command('denoiser'))
    .description('train a UNet to undo noise')
    .addOption(
      new Option('--prediction <kind>', 'what the network predicts')
        .choices(['epsilon', 'x-start', 'v', 'previous-x'])
        .default('epsilon'),
    )
    .addOption(
      new Option('--variance <kind>', 'variance of the reverse step')
        .choices(['fixed-small', 'fixed-large', 'learned', 'learned-range'])
        .default('learned-range'),
    )
    .addOption(
      new Option('--loss <kind>', 'objective')
        .choices(['simple', 'mse', 'hybrid', 'kl', 'rescaled-kl'])
        .default('hybrid'),
    )
    .option('--min-snr <number>', 'weight noise levels by min(SNR, this)', number(0))
    .option('--label-dropout <share>', 'labels replaced by the null class', number(0, 1), 0.2)
    .option('--unconditional', 'do not tell the network the class', false)
    .addHelpText(
      'after',
      `
Examples:
  guided-diffusion train denoiser --data fashion-mnist/ --out runs/denoiser --steps 10000
  guided-diffusion train denoiser --data cats/ --size 64 --out runs/cats --width 128 --multipliers 1,2,3,4
  guided-diffusion train denoiser --data fashion-mnist/ --out runs/denoiser --steps 10000 --resume`,
    )
    .action(async (options: DenoiserOptions) => {
      await run('unet', options, async (dataset) => {
        const description: DiffusionDescription = {
          schedule: options.schedule,
          steps: options.diffusionSteps,
          prediction: options.prediction,
          variance: options.variance,
        }
        const channels = dataset.shape[2]
        const labelled = dataset.classes.length > 0 && !options.unconditional
        const config = {
          ...trunk(options, dataset.shape),
          outChannels: learnsVariance(options.variance) ? 2 * channels : channels,
          ...(labelled ? { classes: dataset.classes.length, nullClass: true } : {}),
        }
        const denoiser = createUNet(config, await firstWeights(options, { kind: 'unet', config }))
        return {
          description,
          network: denoiser,
          begin: (shared) =>
            trainDenoiser({
              ...shared,
              diffusion: describedDiffusion(description),
              denoiser,
              loss: options.loss,
              weighting: options.minSnr === undefined ? 'uniform' : { minSnr: options.minSnr },
              timesteps: options.timesteps,
              labelDropout: labelled ? options.labelDropout : 0,
            }),
        }
      })
    })
}

function classifierCommand(): Command {
  return sharedOptions(new Command('classifier'))
    .description('train a classifier on noised images')
    .addOption(
      new Option('--pool <kind>', 'how the encoder ends')
        .choices(['adaptive', 'attention', 'spatial', 'spatial-v2'])
        .default('attention'),
    )
    .addHelpText(
      'after',
      `
Examples:
  guided-diffusion train classifier --data fashion-mnist/ --out runs/classifier --steps 5000 --multipliers 1,2,2`,
    )
    .action(async (options: ClassifierOptions) => {
      await run('classifier', options, async (dataset) => {
        // prediction and variance play no part in noising images
        const description: DiffusionDescription = {
          schedule: options.schedule,
          steps: options.diffusionSteps,
          prediction: 'epsilon',
          variance: 'fixed-small',
        }
        const classes = dataset.classes.length
        const config = { ...trunk(options, dataset.shape), pool: options.pool }
        const weights = await firstWeights(options, {
          kind: 'classifier',
          config: { ...config, outChannels: classes },
        })
        const classifier = createClassifier({ ...config, classes }, weights)
        return {
          description,
          network: classifier,
          begin: (shared) =>
            trainClassifier({
              ...shared,
              diffusion: describedDiffusion(description),
              classifier,
              timesteps: options.timesteps,
            }),
        }
      })
    })
}

function sharedOptions(command: Command): Command {
  return command
    .requiredOption('--data <folder>', 'folder of images, or of the files of MNIST’s form')
    .requiredOption('--out <folder>', 'folder of the run: state, metrics, weights')
    .option('--size <pixels>', 'size that a folder’s images are brought to', whole(1))
    .option('--class-names <names>', 'names of the labels 0, 1, …', (text) => text.split(','))
    .option('--steps <number>', 'steps of the whole run', whole(1), 10_000)
    .option('--batch <images>', 'images a step', whole(1), 64)
    .option('--microbatch <images>', 'images that a forward pass holds at once', whole(1))
    .option('--learning-rate <number>', 'AdamW’s step size', number(0), 5e-4)
    .option('--weight-decay <number>', 'AdamW’s decay', number(0), 0)
    .option('--warmup <steps>', 'steps until the full learning rate', whole(), 300)
    .addOption(
      new Option('--anneal <shape>', 'how the learning rate falls after the warm-up')
        .choices(['none', 'linear', 'cosine'])
        .default('none'),
    )
    .option('--clip <norm>', 'largest norm of the gradient', number(0))
    .option(
      '--ema <decays>',
      'averages of the weights; the last one is exported',
      list(number(0, 1)),
      [0.999],
    )
    .option('--flip <share>', 'images mirrored left to right', number(0, 1), 0)
    .addOption(
      new Option('--timesteps <kind>', 'how noise levels are drawn')
        .choices(['uniform', 'loss-second-moment'])
        .default('uniform'),
    )
    .option('--dropout <share>', 'activations dropped in training', number(0, 1), 0)
    .option('--width <channels>', 'channels of the first level', whole(32), 32)
    .option('--multipliers <list>', 'width of each level', list(number(0)), [1, 2, 3])
    .option('--blocks <number>', 'residual blocks a level', whole(1), 2)
    .option('--attention <pixels>', 'resolutions with attention', list(whole(1)), [14, 7])
    .option('--head-width <channels>', 'channels of an attention head', whole(1), 32)
    .addOption(
      new Option('--schedule <kind>', 'noise schedule').choices(['linear', 'cosine']).default('cosine'),
    )
    .option('--diffusion-steps <number>', 'steps of the process', whole(2), 1000)
    .option('--seed <number>', 'names everything random', whole(), 0)
    .option('--init <file>', 'weights to begin from, of the same network (default: fresh ones)')
    .option('--save-every <steps>', 'steps between saved states', whole(1), 500)
    .option('--log-every <steps>', 'steps between lines of metrics.jsonl', whole(1), 20)
    .option('--resume', 'go on with the run in the folder', false)
    .addOption(engineOption())
}

function trunk(options: TrainOptions, shape: readonly [number, number, number]) {
  return {
    size: shape[0],
    inChannels: shape[2],
    channels: options.width,
    multipliers: options.multipliers,
    blocks: options.blocks,
    attention: options.attention,
    headChannels: options.headWidth,
    dropout: options.dropout,
  }
}

/** Where a fresh run begins: the weights of a file, or fresh ones. */
async function firstWeights(
  { init, seed }: TrainOptions,
  network: NetworkDescription,
): Promise<WeightSource> {
  return init === undefined ? { seed } : loadTensors(init, networkSpecs(network))
}

type DataSet = Awaited<ReturnType<typeof openDataSet>>
type Network = Parameters<typeof loadState>[1] & {
  readonly parameters: Parameters<typeof countParameters>[0]
  readonly config: unknown
}

interface Run {
  readonly description: DiffusionDescription
  readonly network: Network
  begin(shared: TrainingOptions): AsyncIterable<TrainingStep>
}

/** What both kinds share: data, state, metrics, export, a clean stop. */
async function run(
  kind: 'unet' | 'classifier',
  options: TrainOptions,
  prepare: (dataset: DataSet) => Promise<Run>,
): Promise<void> {
  const signal = interruptSignal()
  const dataset = await openDataSet(options)
  const engine = await startEngine(options.engine)
  const { resume, out, ...config } = options
  const files = await openRun(out, { kind, ...config }, resume)
  const job = await prepare(dataset)
  const resumed = resume ? (await loadState(files.state, job.network)).state : undefined
  await rewindMetrics(files.metrics, resumed?.step ?? 0)
  process.stderr.write(
    `${kind}: ${countParameters(job.network.parameters).toLocaleString('en')} parameters, ` +
      `${dataset.length.toLocaleString('en')} images of ${dataset.shape.join('×')}, ${engine.description}\n`,
  )
  const description = { kind, config: job.network.config } as NetworkDescription
  const metadata = {
    diffusion: JSON.stringify(job.description),
    ...(dataset.classes.length > 0 ? { classes: JSON.stringify(dataset.classes) } : {}),
  }
  const save = async (state: TrainingState) => {
    await saveState(files.state, state)
    const tensors = await stateWeights(state, options.ema.at(-1))
    await saveNetwork(files.weights, { description, tensors }, { dtype: 'float16', metadata })
  }
  await follow(job, files, options, {
    save,
    resumed,
    signal,
    data: ({ step }) =>
      batches(dataset, { batch: options.batch, seed: options.seed, start: step, flip: options.flip }),
  })
  process.stderr.write(`weights: ${files.weights}\n`)
}

async function follow(
  job: Run,
  files: RunFolder,
  options: TrainOptions,
  {
    save,
    resumed,
    data,
    signal,
  }: {
    save: (state: TrainingState) => Promise<void>
    resumed: TrainingState | undefined
    data: TrainingOptions['data']
    signal: AbortSignal
  },
): Promise<void> {
  const { steps, warmup, anneal, batch } = options
  const line = progress('training', steps, { from: resumed?.step ?? 0 })
  try {
    const shared: TrainingOptions = {
      data,
      steps,
      seed: options.seed,
      optimizer: adamw({ learningRate: options.learningRate, weightDecay: options.weightDecay }),
      learningRate: learningRate({ warmup, anneal, steps }),
      ema: options.ema,
      lossEvery: options.logEvery,
      ...(options.microbatch ? { microbatch: options.microbatch } : {}),
      ...(options.clip ? { clip: options.clip } : {}),
      ...(resumed ? { state: resumed } : {}),
    }
    let began = performance.now()
    let loss = ''
    for await (const step of job.begin(shared)) {
      if (step.metrics) {
        const seconds = (performance.now() - began) / 1000 / options.logEvery
        began = performance.now()
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
      const last = step.index === steps || signal.aborted
      if (last || step.index % options.saveEvery === 0) await save(step.state)
      signal.throwIfAborted()
    }
  } finally {
    line.end()
  }
}
