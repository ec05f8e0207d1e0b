import { openWeights } from '@guided-diffusion/checkpoints'
import { Command, Option } from 'commander'
import { engineOption, type Precision, precisionOption, startEngine } from '../engine.ts'
import { UsageError } from '../errors.ts'
import { interruptSignal } from '../interrupt.ts'
import { cacheOption, modelFile } from '../model-cache.ts'
import { number, whole } from '../numbers.ts'
import { requireOutput, writePictures } from '../output.ts'
import type { Pictures } from '../pixels.ts'
import { findUpsampler } from '../trained-network.ts'
import { requireUpsampling, runUpsampler, type UpsamplingRun } from '../upsampling.ts'

interface UpsampleOptions extends Omit<UpsamplingRun, 'labels' | 'signal'> {
  readonly model: string
  readonly input: string
  readonly count?: number
  readonly cache?: string
  readonly engine: string
  readonly precision: Precision
  readonly out: string
  readonly verbose: boolean
}

export const upsample = new Command('upsample')
  .description('make large pictures of small ones, by an upsampler')
  .requiredOption(
    '--model <file>',
    'weights of an upsampler: a file, or the name of a published one (models list)',
  )
  .requiredOption('--input <file>', 'npz of samples: arr_0 uint8 [N, H, W, C], arr_1 their classes')
  .option('--count <number>', 'only the first so many', whole(1))
  .option('--steps <number>', 'steps of the sampler (default: 25, or what the authors took)', whole(1))
  .addOption(
    new Option('--respacing <list>', 'the steps as the reference code spells them: 250, ddim25').conflicts(
      'steps',
    ),
  )
  .addOption(new Option('--sampler <name>', 'how a step is made').choices(['ddim', 'ddpm']).default('ddpm'))
  .option('--eta <number>', 'noise of DDIM: 0 none, 1 as much as DDPM (default: 0)', number(0, 1))
  .option('--no-clip', 'leave what the network takes for the picture outside of [−1, 1]')
  .option('--batch <number>', 'pictures made at the same time', whole(1), 4)
  .option('--seed <number>', 'names all noise', whole(), 1)
  .addOption(cacheOption())
  .addOption(engineOption())
  .addOption(precisionOption())
  .option('--out <path>', 'FILE.npz, FILE.png (one sheet), or DIR (a PNG each)', 'upsampled.npz')
  .addHelpText(
    'after',
    `
Examples:
  guided-diffusion upsample --model 64_256_upsampler --input samples.npz --out large.npz
  guided-diffusion upsample --model 64_256_upsampler.pt --input samples.npz --count 4 --sampler ddim --steps 25 --out large/`,
  )
  .action(async (_, command: Command) => {
    const options = command.optsWithGlobals<UpsampleOptions>()
    const signal = interruptSignal('nothing is written')
    await requireOutput(options.out)
    const found = await findUpsampler(modelFile(options.model, options.cache))
    const { pictures, labels } = await readSamples(options.input, options.count)
    requireUpsampling(found, { shape: pictures.shape, labels, from: options.input })
    const engine = await startEngine(options.engine, options)
    const large = await runUpsampler(found, engine, pictures, { ...options, labels, signal })
    signal.throwIfAborted()
    await writePictures(options.out, large, { labels, classes: found.classes })
    console.log(options.out)
  })

/** Pictures and their classes from an npz in the form of the reference code. */
async function readSamples(path: string, count?: number): Promise<{ pictures: Pictures; labels: number[] }> {
  const reader = await openWeights(path)
  try {
    const shape = reader.tensors.get('arr_0')?.shape ?? []
    const images = reader.tensors.has('arr_0') ? await reader.read('arr_0') : undefined
    if (images?.dtype !== 'uint8' || shape.length !== 4) {
      throw new UsageError(
        `${path} has no pictures: arr_0 is ${images ? `${images.dtype} [${shape.join(', ')}]` : 'not there'}.`,
        'Give an npz with arr_0 uint8 [N, H, W, C], as sample writes it.',
      )
    }
    const [all = 0, height = 0, width = 0, channels = 0] = shape
    const taken = Math.min(count ?? all, all)
    const labels = reader.tensors.has('arr_1') ? Array.from((await reader.read('arr_1')).data, Number) : []
    if (labels.length > 0 && labels.length !== all)
      throw new UsageError(
        `${path} has ${all} pictures and ${labels.length} labels.`,
        'Give one label a picture.',
      )
    const data = images.data.subarray(0, taken * height * width * channels)
    return { pictures: { data, shape: [taken, height, width, channels] }, labels: labels.slice(0, taken) }
  } finally {
    await reader.close()
  }
}
