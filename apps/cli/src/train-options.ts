import { type Command, Option } from 'commander'
import { engineOption } from './engine.ts'
import { UsageError } from './errors.ts'
import { list, number, whole } from './numbers.ts'
import { requireFresh, resumedConfig } from './run-folder.ts'

/** Options of every training run: what its config.json holds. */
export interface TrainOptions {
  readonly data: string
  readonly size?: number
  readonly classNames?: readonly string[]
  readonly steps: number
  readonly batch: number
  readonly microbatch?: number
  readonly learningRate: number
  readonly weightDecay: number
  readonly warmup: number
  readonly anneal: 'none' | 'linear' | 'cosine'
  readonly clip?: number
  readonly ema: readonly number[]
  readonly flip: number
  readonly timesteps: 'uniform' | 'loss-second-moment'
  readonly dropout: number
  readonly width: number
  readonly multipliers: readonly number[]
  readonly blocks: number
  readonly attention?: readonly number[]
  readonly headWidth: number
  readonly schedule: 'linear' | 'cosine'
  readonly diffusionSteps: number
  readonly seed: number
  readonly init?: string
  readonly saveEvery: number
  readonly logEvery: number
  readonly engine: string
}

/** Where the run lies and how the command goes about it. */
export interface RunPlace {
  readonly out: string
  readonly resume: boolean
  readonly verbose: boolean
}

/** Adds the options that both kinds of training have. */
export function sharedOptions(command: Command): Command {
  return networkOptions(optimizerOptions(dataOptions(command)))
    .option('--seed <number>', 'names everything random', whole(), 0)
    .option('--save-every <steps>', 'steps between saved states', whole(1), 500)
    .option('--log-every <steps>', 'steps between lines of metrics.jsonl', whole(1), 20)
    .option('--resume', 'go on with the run in the folder; its options need not be repeated', false)
    .addOption(engineOption())
}

function dataOptions(command: Command): Command {
  return command
    .requiredOption('--out <folder>', 'folder of the run: state, metrics, weights')
    .option('--data <folder>', 'folder of images, or of the files of MNIST’s form')
    .option('--size <pixels>', 'size that a folder’s images are brought to', whole(1))
    .option('--class-names <names>', 'names of the labels 0, 1, … of MNIST’s form', (text) => text.split(','))
    .option('--flip <share>', 'images mirrored left to right', number(0, 1), 0)
}

function optimizerOptions(command: Command): Command {
  return command
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
    .addOption(
      new Option('--timesteps <kind>', 'how noise levels are drawn')
        .choices(['uniform', 'loss-second-moment'])
        .default('uniform'),
    )
}

function networkOptions(command: Command): Command {
  return command
    .option('--width <channels>', 'channels of the first level, a multiple of 32', whole(32), 32)
    .option('--multipliers <list>', 'width of each level', list(number(0)), [1, 2, 3])
    .option('--blocks <number>', 'residual blocks a level', whole(1), 2)
    .option(
      '--attention <pixels>',
      'resolutions with attention, or none (default: levels of at most 16 pixels)',
      (text) => (text === 'none' ? [] : list(whole(1))(text)),
    )
    .option('--head-width <channels>', 'channels of an attention head', whole(1), 32)
    .option('--dropout <share>', 'activations dropped in training', number(0, 1), 0)
    .addOption(
      new Option('--schedule <kind>', 'noise schedule').choices(['linear', 'cosine']).default('cosine'),
    )
    .option('--diffusion-steps <number>', 'steps of the process', whole(2), 1000)
    .option('--init <file>', 'weights to begin from, of the same network (default: fresh ones)')
}

/**
 * The options of a run: those of the command line; when it is resumed those it began with, where the command line
 * says nothing.
 *
 * @throws UsageError when the folder does not fit, or there is no data to train on.
 */
export async function runOptions<O extends TrainOptions>(
  kind: 'unet' | 'classifier',
  command: Command,
): Promise<{ options: O; place: RunPlace }> {
  const { out, resume, verbose, ...options } = command.optsWithGlobals<O & RunPlace>()
  const place = { out, resume, verbose }
  if (!resume) requireFresh(out)
  const given = Object.entries(options).filter(([name]) => command.getOptionValueSource(name) === 'cli')
  const before = resume ? await resumedConfig(out, kind, Object.fromEntries(given)) : {}
  const all = { ...(options as unknown as O), ...before }
  if (all.data !== undefined) return { options: all, place }
  throw new UsageError('There is nothing to train on.', 'Name a folder of images by --data.')
}

/** The part of a network that both kinds share. */
export function trunkConfig(options: TrainOptions, [size, , inChannels]: readonly [number, number, number]) {
  return {
    size,
    inChannels,
    channels: options.width,
    multipliers: options.multipliers,
    blocks: options.blocks,
    attention: options.attention ?? smallLevels(size, options.multipliers.length),
    headChannels: options.headWidth,
    dropout: options.dropout,
  }
}

/** Sizes of the levels of at most 16 pixels: where attention costs little. */
function smallLevels(size: number, levels: number): number[] {
  return Array.from({ length: levels }, (_, level) => size / 2 ** level).filter((pixels) => pixels <= 16)
}
