import type { CompiledSteps } from '@guided-diffusion/compile'
import { type Diffusion, ddim, ddpm, sample } from '@guided-diffusion/diffusion'
import type { SuperResolutionUNet, UNetConfig } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import type { Engine } from './engine.ts'
import { UsageError } from './errors.ts'
import { type Pictures, toBytes } from './pixels.ts'
import { progress } from './progress.ts'
import { respaced } from './sampling-plan.ts'
import { openUpsampler } from './stored-network.ts'
import { loadUpsampler, type TrainedNetwork } from './trained-network.ts'

/** The noise of upsampling is that of samples far from those that are upsampled, so that the two have none in common. */
const firstSample = 2 ** 32

/** What was asked for, and the pictures' classes. */
export interface UpsamplingRun {
  readonly steps?: number | undefined
  readonly respacing?: string
  readonly sampler: 'ddim' | 'ddpm'
  readonly eta?: number
  /** Whether x̂_0 is kept in [−1, 1]. */
  readonly clip: boolean
  /** The class of each picture, or none at all. */
  readonly labels: readonly number[]
  readonly batch: number
  readonly seed: number
  readonly signal: AbortSignal
}

/**
 * Makes sure that an upsampler can work on pictures of this shape and these labels.
 *
 * @throws UsageError
 */
export function requireUpsampling(
  { file, config }: TrainedNetwork<UNetConfig>,
  { shape, labels, from }: { shape: readonly number[]; labels: readonly number[]; from: string },
): void {
  const [, height = 0, width = 0, channels] = shape
  const { size, inChannels = 3, classes } = config
  if (channels !== inChannels)
    throw new UsageError(
      `${from} has pictures of ${channels} channels, ${file.name} takes ${inChannels}.`,
      fitting,
    )
  if (height !== width || height >= size || size % height !== 0) {
    throw new UsageError(
      `${from} has pictures of ${height} × ${width}, ${file.name} makes pictures of ${size} × ${size} of smaller square ones.`,
      fitting,
    )
  }
  if (classes === undefined) return
  const wrong = labels.find((label) => label >= classes)
  if (labels.length > 0 && wrong === undefined) return
  throw new UsageError(
    `${file.name} is told the class of each picture, one of ${classes}, and ${wrong === undefined ? `${from} has no labels` : `a label in ${from} is ${wrong}`}.`,
    'Give an npz with the labels as arr_1, as sample writes it.',
  )
}

const fitting =
  'Take the upsampler that was trained for them: 64_256_upsampler, 128_512_upsampler or your own.'

/**
 * Loads the upsampler, enlarges the pictures batch by batch with a line of progress, and frees it. Bytes go in and out
 * as in the reference code: v / 127.5 − 1.
 */
export async function runUpsampler(
  found: TrainedNetwork<UNetConfig>,
  engine: Pick<Engine, 'runtime' | 'steps'>,
  pictures: Pictures,
  run: UpsamplingRun,
): Promise<Pictures> {
  const { steps, respacing, sampler, batch } = run
  const wishes = { ...(steps ? { steps } : {}), ...(respacing ? { respacing } : {}) }
  const diffusion = respaced(wishes, sampler, found)
  const network = await (engine.runtime ? openUpsampler : loadUpsampler)(found, run.signal)
  let low: tf.Tensor4D | undefined
  // the small pictures go into the graph, so that one serves all batches of a size
  const graphs = engine.steps({
    weights: [network.parameters],
    data: () => ({ lowResolution: low as tf.Tensor4D }),
  })
  const [count, height, width, channels] = pictures.shape
  const [small, large] = [height * width * channels, found.config.size ** 2 * channels]
  const data = new Uint8Array(count * large)
  const line = progress('upsampling', Math.ceil(count / batch) * diffusion.schedule.steps)
  let done = 0
  try {
    for (let start = 0; start < count; start += batch) {
      const end = Math.min(start + batch, count)
      const pixels = Float32Array.from(
        pictures.data.subarray(start * small, end * small),
        (v) => v / 127.5 - 1,
      )
      low = tf.tensor4d(pixels, [end - start, height, width, channels])
      try {
        const images = await enlarge(network, low, {
          ...run,
          diffusion,
          start,
          graphs,
          report: () => line.update(++done),
        })
        data.set(images, start * large)
      } finally {
        low.dispose()
      }
    }
  } finally {
    line.end()
    await graphs?.dispose()
    network.dispose()
  }
  return { data, shape: [count, found.config.size, found.config.size, channels] }
}

/** What the batches of a run have in common, and what is told of one. */
interface Batch extends UpsamplingRun {
  readonly diffusion: Diffusion
  readonly graphs: CompiledSteps | undefined
  /** Number of its first picture. */
  readonly start: number
  readonly report: () => void
}

/** One batch. */
async function enlarge(
  network: SuperResolutionUNet,
  low: tf.Tensor4D,
  { diffusion, sampler, eta = 0, labels, start, seed, clip, signal, graphs, report }: Batch,
): Promise<Uint8Array> {
  const { size, classes } = network.config
  const [count, , , channels] = low.shape
  const steps = sample({
    diffusion,
    denoiser: network.upscaling(low),
    sampler: sampler === 'ddpm' ? ddpm() : ddim({ eta }),
    shape: [size, size, channels],
    seed,
    samples: Array.from({ length: count }, (_, i) => firstSample + start + i),
    ...(classes === undefined ? {} : { labels: labels.slice(start, start + count) }),
    clip,
    signal,
    ...(graphs ? { execute: graphs.execute } : {}),
  })
  for await (const step of steps) {
    report()
    if (step.index === step.total - 1) return toBytes(await step.x.data<'float32'>())
  }
  throw new Error('a schedule without steps')
}
