import type { Kind } from '../kind.ts'
import { bitsPerDim } from './bits-per-dim.ts'
import { classifier } from './classifier.ts'
import { guided } from './guided.ts'
import { likelihoods } from './likelihoods.ts'
import { loss } from './loss.ts'
import { secondMoment } from './loss-second-moment.ts'
import { process } from './process.ts'
import { respacing } from './respacing.ts'
import { schedule } from './schedule.ts'
import { timestepEmbeddings } from './timestep-embedding.ts'
import { unet } from './unet.ts'

/** Every kind that the packages can compute. */
export const kinds: readonly Kind[] = [
  schedule,
  respacing,
  timestepEmbeddings,
  process,
  loss,
  bitsPerDim,
  likelihoods,
  secondMoment,
  unet,
  classifier,
  guided,
]
