/** What pulls the pictures of a run: the classifier, and what was painted. */
import type { Classifier } from '@guided-diffusion/classifier'
import type { Guidance } from '@guided-diffusion/diffusion'
import { classifierGuidance, gradientGuidance, sum } from '@guided-diffusion/guidance'
import * as tf from '@tensorflow/tfjs-core'
import { fromBytes } from '../pixels.ts'
import type { Cell, Wish } from '../plan.ts'

interface Pulls {
  readonly cells: readonly Cell[]
  readonly wish?: Wish
  readonly classifier?: Classifier
}

/** All pulls of a run as one guidance, or none. It finds γ of each cell, `gammas`, and `givenWish` in what the run gives. */
export function guidanceOf({ cells, wish, classifier }: Pulls): Guidance | undefined {
  const pulls: Guidance[] = []
  if (classifier)
    pulls.push(classifierGuidance(classifier, { scale: ({ given }) => given?.gammas as tf.Tensor1D }))
  if (pulling(wish, cells)) pulls.push(paintGuidance)
  return pulls.length > 0 ? sum(...pulls) : undefined
}

/** The wish as tensors, the caller's: a graph of steps takes them as inputs and so serves others too. Empty where none pulls. */
export function givenWish({ cells, wish }: Pulls): Record<string, tf.Tensor> {
  const found = pulling(wish, cells)
  if (!found) return {}
  const { mask, target, strength } = found
  const side = Math.sqrt(mask.length)
  return {
    painted: tf.tensor4d(Float32Array.from(mask), [1, side, side, 1]),
    wanted: tf.tensor4d(fromBytes(target), [1, side, side, target.length / mask.length]),
    strengths: tf.tensor1d(cells.map(({ wished }) => (wished ? strength : 0))),
  }
}

/** The wish, where it pulls any cell to anything. */
function pulling(wish: Wish | undefined, cells: readonly Cell[]): Wish | undefined {
  const pulls = wish && wish.strength !== 0 && wish.mask.includes(1) && cells.some(({ wished }) => wished)
  return pulls ? wish : undefined
}

/** 2σ² of a painted pixel. */
const spread = 50

/** log p(wish | x̂_0) = −Σ (x̂_0 − wanted)² / 2σ² over the painted pixels, times the strength. */
const paintGuidance: Guidance = gradientGuidance(
  (xStart, _t, { given }) => {
    const { painted, wanted } = given as Record<'painted' | 'wanted', tf.Tensor4D>
    const misses = tf.mul(painted, tf.squaredDifference(xStart, wanted))
    return tf.div(tf.sum<tf.Tensor1D>(misses, [1, 2, 3]), -spread)
  },
  { scale: ({ given }) => given?.strengths as tf.Tensor1D, at: 'x-start' },
)
