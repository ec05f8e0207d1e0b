import { bitsPerDimension, createDiffusion } from '@guided-diffusion/diffusion'
import type { Kind } from '../kind.ts'
import { images, imagesFrom, stored } from '../tensors.ts'
import { namedSchedule } from './schedule.ts'

/** The bound on the likelihood over all steps, of a network with a constant output. */
export const bitsPerDim: Kind = {
  name: 'bpd-loop',
  matches: ({ tensors }) => tensors.has('out:total_bpd'),
  isInput: (key) => !key.startsWith('out:'),
  compute: async (golden) => {
    const noises = stored(golden, 'noises')
    const [count = 0, ...shape] = noises.shape
    const size = noises.data.length / count
    const bits = await bitsPerDimension({
      diffusion: createDiffusion({
        schedule: namedSchedule(golden.case.schedule, golden.case.T),
        prediction: 'epsilon',
        variance: 'learned-range',
      }),
      denoiser: { forward: () => images(golden, 'model_output') },
      images: images(golden, 'x0'),
      seed: 0,
      noise: (t) => imagesFrom(noises.data.subarray((count - 1 - t) * size, (count - t) * size), shape),
    })
    // the reference lists the steps in the order of its loop, from the noise to the image
    const asListed = (table: readonly Float32Array[]) => table.flatMap((row) => [...row].reverse())
    return {
      tensors: {
        'out:total_bpd': bits.total,
        'out:prior_bpd': bits.prior,
        'out:vb': asListed(bits.bound),
        'out:xstart_mse': asListed(bits.xStartError),
        'out:mse': asListed(bits.epsilonError),
      },
    }
  },
}
