/** What pulls the pictures of a run: the classifier, and what was painted. */
import type { Classifier } from '@guided-diffusion/classifier'
import type { Guidance } from '@guided-diffusion/diffusion'
import { classifierGuidance, gradientGuidance, sum } from '@guided-diffusion/guidance'
import * as tf from '@tensorflow/tfjs-core'
import { fromBytes } from '../pixels.ts'
import type { Cell, Wish } from '../plan.ts'

/** All pulls of a run as one guidance, or none. γ of each cell is `gammas` of what the run gives. */
export function guidanceOf({
  cells,
  wish,
  classifier,
}: {
  cells: readonly Cell[]
  wish?: Wish
  classifier?: Classifier
}): Guidance | undefined {
  const pulls: Guidance[] = []
  if (classifier)
    pulls.push(classifierGuidance(classifier, { scale: ({ given }) => given?.gammas as tf.Tensor1D }))
  const painted = wish && cells.some(({ wished }) => wished) && paintGuidance(wish, cells)
  if (painted) pulls.push(painted)
  return pulls.length > 0 ? sum(...pulls) : undefined
}

/** 2σ² of a painted pixel. */
const spread = 50

/** log p(wish | x̂_0) = −Σ (x̂_0 − wanted)² / 2σ² over the painted pixels, times the strength. */
function paintGuidance({ mask, target, strength }: Wish, cells: readonly Cell[]): Guidance | undefined {
  if (strength === 0 || !mask.includes(1)) return undefined
  const side = Math.sqrt(mask.length)
  const channels = target.length / mask.length
  return gradientGuidance(
    (xStart) => {
      const painted = tf.tensor4d(Float32Array.from(mask), [1, side, side, 1])
      const wanted = tf.tensor4d(fromBytes(target), [1, side, side, channels])
      const misses = tf.mul(painted, tf.squaredDifference(xStart, wanted))
      return tf.div(tf.sum<tf.Tensor1D>(misses, [1, 2, 3]), -spread)
    },
    { scale: cells.map(({ wished }) => (wished ? strength : 0)), at: 'x-start' },
  )
}
