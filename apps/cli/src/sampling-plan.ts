import { basename } from 'node:path'
import { type Diffusion, describedDiffusion } from '@guided-diffusion/diffusion'
import {
  type EncoderUNetConfig,
  type PublishedSampling,
  publishedModels,
  type UNetConfig,
} from '@guided-diffusion/models'
import { integers, streamOf } from '@guided-diffusion/random'
import { RespacingImpossibleError } from '@guided-diffusion/schedules'
import { type Classes, parseClasses, spread } from './class-list.ts'
import { UsageError } from './errors.ts'
import type { TrainedNetwork } from './trained-network.ts'

type Denoiser = TrainedNetwork<UNetConfig>
type Guide = TrainedNetwork<EncoderUNetConfig>

/** What `sample` was asked for; what is left out follows from the model. */
export interface SamplingWishes {
  readonly classes?: string
  readonly scale?: number
  readonly conditional: boolean
  readonly steps?: number
  readonly respacing?: string
  readonly sampler?: 'ddim' | 'ddpm'
  readonly eta?: number
  readonly count: number
  readonly seed: number
}

/** A run of the sampler, every choice made. */
export interface SamplingPlan {
  readonly diffusion: Diffusion
  readonly sampler: 'ddim' | 'ddpm'
  readonly eta: number
  /** Whether the denoiser is told the class. */
  readonly conditional: boolean
  readonly classes: Classes
  /** The class of each image; none where nothing knows classes. */
  readonly labels: readonly number[]
}

/** γ: what was asked for, what the authors of a published checkpoint took, or 4. */
export function guidanceScale({ scale }: SamplingWishes, denoiser: Denoiser): number {
  const authors = authorsSampling(denoiser)
  return scale ?? (authors ? (authors.guidance?.scale ?? 0) : 4)
}

/**
 * @throws UsageError where the wishes contradict the networks, or these each other; the errors of
 *   `@guided-diffusion/schedules` for steps that can't be made.
 */
export function planSampling(
  wishes: SamplingWishes,
  denoiser: Denoiser,
  guide: Guide | undefined,
): SamplingPlan {
  if (guide) requirePair(denoiser, guide)
  const sampler = wishes.sampler ?? (authorsSampling(denoiser) ? 'ddpm' : 'ddim')
  if (wishes.eta !== undefined && sampler === 'ddpm')
    throw new UsageError('--eta says how much noise DDIM adds, and the sampler is DDPM.', 'Leave it out.')
  const { config } = denoiser
  if (wishes.conditional && config.classes === undefined)
    throw new UsageError(`${denoiser.file.name} is not told classes.`, 'Leave --conditional out.')
  const conditional = wishes.conditional || (config.classes !== undefined && config.nullClass !== true)
  if (conditional && guide && guide.config.outChannels !== config.classes) {
    throw new UsageError(
      `${denoiser.file.name} knows ${config.classes} classes, ${guide.file.name} ${guide.config.outChannels}.`,
      'Take two that were trained on the same classes.',
    )
  }
  const classes = knownClasses(denoiser, guide)
  return {
    diffusion: respaced(wishes, sampler, denoiser),
    sampler,
    eta: wishes.eta ?? 0,
    conditional,
    classes,
    labels: labelsOf(wishes, classes, denoiser),
  }
}

function labelsOf(
  { classes: wanted, count, seed }: SamplingWishes,
  classes: Classes,
  denoiser: Denoiser,
): number[] {
  const { file } = denoiser
  const choice = wanted ?? (authorsSampling(denoiser) ? 'random' : 'all')
  if (classes.count > 0 && choice === 'random')
    return Array.from(integers({ seed, stream: streamOf('classes of samples') }, count, classes.count))
  if (classes.count > 0) return spread(parseClasses(choice, classes), count)
  if (wanted === undefined) return []
  throw new UsageError(`${file.name} knows no classes.`, 'Leave --classes out, or give a --classifier.')
}

function knownClasses({ config, classes }: Denoiser, guide: Guide | undefined): Classes {
  const count = guide?.config.outChannels ?? config.classes ?? classes.count
  return [guide?.classes, classes].find((each) => each?.count === count) ?? { count, names: [] }
}

/** A classifier guides what it was trained on: images of that shape, noised by that schedule. */
function requirePair(denoiser: Denoiser, guide: Guide): void {
  const shapes = [denoiser, guide].map(
    ({ config }) => `${config.size} × ${config.size} × ${config.inChannels ?? 3}`,
  )
  const noises = [denoiser, guide].map(({ diffusion: { schedule, steps } }) => `${steps} steps, ${schedule}`)
  const [what, [made, seen] = []] =
    shapes[0] !== shapes[1] ? ['images of', shapes] : noises[0] !== noises[1] ? ['noise of', noises] : []
  if (what === undefined) return
  throw new UsageError(
    `${denoiser.file.name} is made for ${what} ${made}, ${guide.file.name} for ${what} ${seen}.`,
    'Guide by a classifier that was trained for the same images and the same schedule.',
  )
}

/** The process on the steps that are made of it. */
export function respaced(
  wishes: Pick<SamplingWishes, 'steps' | 'respacing'>,
  sampler: 'ddim' | 'ddpm',
  denoiser: Denoiser,
): Diffusion {
  const { steps, respacing } = wishes
  try {
    return describedDiffusion(denoiser.diffusion, respacing ?? spacing(wishes, sampler, denoiser))
  } catch (error) {
    const stepped = error instanceof RespacingImpossibleError && respacing === undefined
    if (!stepped || steps === undefined || steps > denoiser.diffusion.steps) throw error
    throw new UsageError(
      error.message,
      `Give --respacing ${steps}, which spreads the steps by rounding, or another number of steps.`,
    )
  }
}

/** DDIM's spacing for DDIM, even spacing for DDPM, as in the reference code. */
function spacing(
  { steps }: Pick<SamplingWishes, 'steps'>,
  sampler: 'ddim' | 'ddpm',
  denoiser: Denoiser,
): string {
  const authors = sampler === 'ddpm' && steps === undefined ? authorsSampling(denoiser) : undefined
  return authors?.respacing ?? `${sampler === 'ddim' ? 'ddim' : ''}${steps ?? 25}`
}

/** How the authors sample a published checkpoint; where several have the same tensors, its file's name tells which. */
export function authorsSampling({ file, path }: TrainedNetwork<UNetConfig>): PublishedSampling | undefined {
  const named = file.published.find((name) => basename(String(path)).startsWith(`${name}.`))
  const name = named ?? file.published[0]
  return name && publishedModels[name].sampling
}
