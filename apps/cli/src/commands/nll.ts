import { join } from 'node:path'
import { saveNpz, type WeightTensor } from '@guided-diffusion/checkpoints'
import { type CompiledFunction, type CompileOptions, compile } from '@guided-diffusion/compile'
import { batches, type Dataset } from '@guided-diffusion/datasets'
import { bitsPerDimension, describedDiffusion } from '@guided-diffusion/diffusion'
import { unconditional } from '@guided-diffusion/guidance'
import type { UNetConfig } from '@guided-diffusion/models'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import * as tf from '@tensorflow/tfjs-core'
import { Command } from 'commander'
import { parseClasses } from '../class-list.ts'
import { openDataSet } from '../data-set.ts'
import { engineOption, type Precision, precisionOption, startEngine } from '../engine.ts'
import { UsageError } from '../errors.ts'
import { interruptSignal } from '../interrupt.ts'
import { cacheOption, modelFile } from '../model-cache.ts'
import { whole } from '../numbers.ts'
import { progress } from '../progress.ts'
import { openDenoiser } from '../stored-network.ts'
import { findDenoiser, loadDenoiser, type TrainedNetwork } from '../trained-network.ts'
import { makeFolder, requireWritable } from '../write-beside.ts'

interface NllOptions {
  readonly model?: string
  readonly data: string
  readonly count: number
  readonly batch: number
  readonly respacing?: string
  readonly seed: number
  readonly clip: boolean
  readonly cache?: string
  readonly engine: string
  readonly precision: Precision
  readonly out?: string
  readonly verbose: boolean
}

export const nll = new Command('nll')
  .description('how well a denoiser fits images: bits per dimension, by its variational bound')
  .requiredOption('--data <folder>', 'folder of images, or of the files of MNIST’s form')
  .option(
    '--model <file>',
    'weights of a denoiser: a file, or a published name (default: the embedded one, Fashion-MNIST)',
  )
  .option('--count <number>', 'images, the first of the data set', whole(1), 1000)
  .option('--batch <number>', 'images at the same time', whole(1), 1)
  .option('--respacing <list>', 'fewer steps than the model was trained on: 250 (a looser bound)')
  .option('--seed <number>', 'names all noise', whole(), 1)
  .option('--no-clip', 'leave what the network takes for the image outside of [−1, 1]')
  .addOption(cacheOption())
  .addOption(engineOption())
  .addOption(precisionOption())
  .option('--out <folder>', 'write the terms of each step: vb_terms.npz, mse_terms.npz, xstart_mse_terms.npz')
  .addHelpText(
    'after',
    `
Examples:
  guided-diffusion nll --data fashion-mnist/ --count 100 --batch 10
  guided-diffusion nll --model 256x256_diffusion_uncond --data images/ --count 1000 --out terms/`,
  )
  .action(async (_, command: Command) => {
    const options = command.optsWithGlobals<NllOptions>()
    const signal = interruptSignal('nothing is written')
    if (options.out !== undefined) await requireWritable(options.out, 'folder')
    const model = options.model === undefined ? pretrained.denoiser : modelFile(options.model, options.cache)
    const found = await findDenoiser(model)
    const { config } = found
    const dataset = await openDataSet({ data: options.data, size: config.size })
    requireImages(found, dataset)
    const labels = labelsOf(found, dataset)
    const engine = await startEngine(options.engine, options)
    const unet = await (engine.runtime ? openDenoiser : loadDenoiser)(found, signal)
    // without labels a network with a null class predicts for no class
    const denoiser = labels ? unet : unconditional(unet)
    const graphs = engine.runtime && asGraph(denoiser, { runtime: engine.runtime, weights: unet.parameters })
    const diffusion = describedDiffusion(found.diffusion, options.respacing)
    const result = await evaluate(dataset, {
      ...options,
      signal,
      diffusion,
      denoiser: graphs ?? denoiser,
      labels,
    })
    await graphs?.dispose()
    unet.dispose()
    if (options.out !== undefined) await writeTerms(options.out, result)
    const { totals } = result
    const mean = totals.reduce((sum, value) => sum + value, 0) / totals.length
    console.log(`${mean.toFixed(4)} bits per dimension, ${totals.length} images${deviation(totals, mean)}`)
  })

/** The denoiser as a graph, one for each shape of its inputs. */
function asGraph(denoiser: ReturnType<typeof unconditional>, options: CompileOptions) {
  const graphs = new Map<string, CompiledFunction>()
  return {
    async forward(x: tf.Tensor4D, t: tf.Tensor1D, labels?: tf.Tensor1D): Promise<tf.Tensor4D> {
      const inputs = { x, t, ...(labels ? { labels } : {}) }
      const key = String(x.shape)
      const known = graphs.get(key)
      const graph =
        known ??
        (await compile(
          (given) => ({
            output: denoiser.forward(
              given.x as tf.Tensor4D,
              given.t as tf.Tensor1D,
              given.labels as tf.Tensor1D | undefined,
            ) as tf.Tensor4D,
          }),
          inputs,
          options,
        ))
      graphs.set(key, graph)
      return (await graph.run(inputs)).output as tf.Tensor4D
    },
    async dispose() {
      for (const graph of graphs.values()) await graph.dispose()
    },
  }
}

function deviation(totals: readonly number[], mean: number): string {
  if (totals.length < 2) return ''
  const variance = totals.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (totals.length - 1)
  return `, standard error ${Math.sqrt(variance / totals.length).toFixed(4)}`
}

function requireImages({ config, file }: TrainedNetwork<UNetConfig>, { shape }: Dataset): void {
  const { size, inChannels = 3 } = config
  if (shape[0] === size && shape[2] === inChannels) return
  throw new UsageError(
    `${file.name} is made for images of ${size} × ${size} × ${inChannels}, those of the data set are ${shape.join(' × ')}.`,
    'Give the data that it was trained on.',
  )
}

/** The network's label of each class of the data set; undefined where the network is told none. */
function labelsOf(
  { config, classes, file }: TrainedNetwork<UNetConfig>,
  dataset: Dataset,
): readonly number[] | undefined {
  if (config.classes === undefined) return undefined
  if (dataset.classes.length === config.classes) return dataset.classes.map((_, label) => label)
  if (dataset.classes.length === 0 && config.nullClass) return undefined
  if (dataset.classes.length === 0)
    throw new UsageError(
      `${file.name} is told the class of each image, and the data set has none.`,
      'Put the images into a folder a class.',
    )
  const known = classes.count > 0 ? classes : { count: config.classes, names: [] }
  return dataset.classes.flatMap((name) => parseClasses(name, known))
}

interface Evaluation {
  /** Bits per dimension of each image. */
  readonly totals: number[]
  /** Means over the images for each step. */
  readonly terms: Readonly<Record<'vb' | 'mse' | 'xstart_mse', Float64Array>>
}

type Evaluated = Pick<Parameters<typeof bitsPerDimension>[0], 'diffusion' | 'denoiser'>

async function evaluate(
  dataset: Dataset,
  options: Pick<NllOptions, 'count' | 'batch' | 'seed' | 'clip'> &
    Evaluated & { readonly labels: readonly number[] | undefined; readonly signal: AbortSignal },
): Promise<Evaluation> {
  const { diffusion, denoiser, labels, seed, signal, clip } = options
  const count = Math.min(options.count, dataset.length)
  const { steps } = diffusion.schedule
  const terms = {
    vb: new Float64Array(steps),
    mse: new Float64Array(steps),
    xstart_mse: new Float64Array(steps),
  }
  const totals: number[] = []
  const line = progress('evaluating', Math.ceil(count / options.batch) * steps)
  let before = 0
  try {
    const stored = batches(dataset, { batch: options.batch, seed, epochs: 1, order: 'stored', signal })
    for await (const { images, labels: given, shape, indices } of stored) {
      const taken = Math.min(shape[0], count - totals.length)
      const size = shape[1] * shape[2] * shape[3]
      const tensor = tf.tensor4d(images.subarray(0, taken * size), [taken, shape[1], shape[2], shape[3]])
      try {
        const found = await bitsPerDimension({
          diffusion,
          denoiser,
          images: tensor,
          seed,
          samples: Array.from(indices).slice(0, taken),
          ...(labels && given
            ? {
                labels: Array.from(given)
                  .slice(0, taken)
                  .map((label) => labels[label] as number),
              }
            : {}),
          clip,
          signal,
          onProgress: (done) => line.update(before + done),
        })
        totals.push(...found.total)
        add(terms.vb, found.bound)
        add(terms.mse, found.epsilonError)
        add(terms.xstart_mse, found.xStartError)
      } finally {
        tensor.dispose()
      }
      before += steps
      if (totals.length >= count) break
    }
  } finally {
    line.end()
  }
  for (const sums of Object.values(terms))
    for (let t = 0; t < steps; t++) sums[t] = (sums[t] as number) / totals.length
  return { totals, terms }
}

function add(sums: Float64Array, rows: readonly Float32Array[]): void {
  for (const row of rows) for (const [t, value] of row.entries()) sums[t] = (sums[t] as number) + value
}

/** Files as the reference's image_nll.py writes them: `arr_0` `[T]`, the noisiest step first. */
async function writeTerms(folder: string, { terms }: Evaluation): Promise<void> {
  await makeFolder(folder)
  for (const [name, data] of Object.entries(terms)) {
    const array: WeightTensor = { dtype: 'float64', shape: [data.length], data: data.toReversed() }
    await saveNpz(join(folder, `${name}_terms.npz`), new Map([['arr_0', array]]))
  }
}
