import * as tf from '@tensorflow/tfjs-core'
import { coefficients } from './coefficients.ts'
import type { Denoiser } from './denoiser.ts'
import type { Diffusion } from './diffusion.ts'
import { DiffusionOptionError } from './errors.ts'
import { addNoise, networkTimesteps } from './forward.ts'
import { gaussianKl, meanPerSample } from './kl.ts'
import { variationalBound } from './loss.ts'
import { nextTask } from './next-task.ts'
import { stepNoise } from './noise.ts'
import type { ImageShape } from './noise-values.ts'
import { reverse } from './reverse.ts'
import { requireClasses } from './sampling-options.ts'

export interface BitsPerDimensionOptions {
  readonly diffusion: Diffusion
  readonly denoiser: Denoiser
  /** Images in [−1, 1], `[B, H, W, C]`, lent. */
  readonly images: tf.Tensor4D
  readonly labels?: ArrayLike<number>
  /** Names the noise of all steps. */
  readonly seed: number
  /** Which samples of the seed the images are. @default 0, 1, … */
  readonly samples?: readonly number[]
  /** The noise of step t, in place of that from the seed; handed over. */
  readonly noise?: (t: number) => tf.Tensor4D
  /** Clips x̂_0 to [−1, 1]. @default true */
  readonly clip?: boolean
  /** Called after each step. */
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/** For each image, in bits per dimension unless said otherwise; the tables are `[B][T]` by step. */
export interface BitsPerDimension {
  /** Σ_t L_t + L_T: an upper bound on −log₂ p(x_0) / dimensions. */
  readonly total: Float64Array
  /** L_T: KL(q(x_T | x_0) ‖ N(0, I)). */
  readonly prior: Float32Array
  /** L_t of each step. */
  readonly bound: readonly Float32Array[]
  /** Mean (x̂_0 − x_0)² of each step. */
  readonly xStartError: readonly Float32Array[]
  /** Mean (ε̂ − ε)² of each step. */
  readonly epsilonError: readonly Float32Array[]
}

/**
 * The variational bound on the negative log-likelihood of images, by one pass of the network a step.
 *
 * @throws DiffusionOptionError unless samples and labels are one an image; DenoiserOutputError; the signal's reason.
 * @see Ho et al. 2020, eq. 5, https://arxiv.org/abs/2006.11239
 */
export async function bitsPerDimension(options: BitsPerDimensionOptions): Promise<BitsPerDimension> {
  const { diffusion, images, seed, signal } = options
  const [batch, ...shape] = images.shape
  const { steps } = diffusion.schedule
  requireOneAnImage(options)
  const samples = options.samples ?? Array.from({ length: batch }, (_, i) => i)
  const labels = options.labels ? tf.tensor1d(Array.from(options.labels), 'int32') : undefined
  const tables = [0, 1, 2].map(() => Array.from({ length: batch }, () => new Float32Array(steps)))
  try {
    for (let t = steps - 1; t >= 0; t--) {
      signal?.throwIfAborted()
      const noise = options.noise?.(t) ?? stepNoise(seed, samples, t, shape as unknown as ImageShape)
      const terms = await termsOfStep(options, labels, t, noise)
      for (const [table, values] of terms.entries())
        for (const [i, value] of values.entries()) (tables[table]?.[i] as Float32Array)[t] = value
      options.onProgress?.(steps - t, steps)
      await nextTask()
    }
    const prior = await read(tf.tidy(() => priorBound(diffusion, images)))
    const [bound, xStartError, epsilonError] = tables as [Float32Array[], Float32Array[], Float32Array[]]
    const total = Float64Array.from(bound, (row, i) =>
      row.reduce((sum, value) => sum + value, prior[i] as number),
    )
    return { total, prior, bound, xStartError, epsilonError }
  } finally {
    if (labels) tf.dispose(labels)
  }
}

function requireOneAnImage({ images, samples, labels }: BitsPerDimensionOptions): void {
  const [batch] = images.shape
  for (const [option, list] of Object.entries({ samples, labels })) {
    if (list === undefined || list.length === batch) continue
    throw new DiffusionOptionError({
      option: `the length of ${option}`,
      value: list.length,
      expected: `${batch}, one an image`,
      advice: `Give as many ${option} as images, or none.`,
    })
  }
  requireClasses(labels ?? [])
}

/** L_t, and the errors of x̂_0 and ε̂. Disposes the noise. */
async function termsOfStep(
  { diffusion, denoiser, images: xStart, clip = true }: BitsPerDimensionOptions,
  labels: tf.Tensor1D | undefined,
  t: number,
  noise: tf.Tensor4D,
): Promise<Float32Array[]> {
  const rows = new Array<number>(xStart.shape[0]).fill(t)
  const at = coefficients(diffusion, rows)
  const timesteps = networkTimesteps(diffusion, rows)
  const x = tf.tidy(() => addNoise(at, xStart, noise))
  const lent: tf.Tensor[] = [...Object.values(at), timesteps, x, noise]
  try {
    const output = await denoiser.forward(x, timesteps, labels)
    lent.push(output)
    const terms = tf.tidy(() => {
      const predicted = reverse(diffusion, at, x, output, { clip })
      return [
        variationalBound(at, { xStart, x }, predicted),
        meanPerSample(tf.square(tf.sub(predicted.xStart, xStart))),
        meanPerSample(tf.square(tf.sub(predicted.epsilon, noise))),
      ]
    })
    return await Promise.all(terms.map(read))
  } finally {
    tf.dispose(lent)
  }
}

/** L_T in bits per dimension. */
function priorBound(diffusion: Diffusion, images: tf.Tensor4D): tf.Tensor1D {
  const alphaCumprod = diffusion.schedule.alphasCumprod.at(-1) as number
  const last = {
    mean: tf.mul(images, Math.sqrt(alphaCumprod)),
    logVariance: tf.fill(images.shape, Math.log1p(-alphaCumprod)),
  }
  const standard = { mean: tf.zerosLike(images), logVariance: tf.zerosLike(images) }
  return tf.mul(meanPerSample(gaussianKl(last, standard)), 1 / Math.LN2)
}

/** The values of a tensor, which is freed. */
async function read(tensor: tf.Tensor): Promise<Float32Array> {
  try {
    return (await tensor.data<'float32'>()).slice()
  } finally {
    tf.dispose(tensor)
  }
}
