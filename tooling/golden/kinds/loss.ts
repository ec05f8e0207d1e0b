import { type LossKind, qSample, trainingLoss } from '@guided-diffusion/diffusion'
import * as tf from '@tensorflow/tfjs-core'
import type { Kind, Values } from '../kind.ts'
import { images, stored, valuesOf } from '../tensors.ts'
import { diffusionOf } from './process.ts'

const kinds: Readonly<Record<string, LossKind>> = {
  MSE: 'mse',
  RESCALED_MSE: 'hybrid',
  KL: 'kl',
  RESCALED_KL: 'rescaled-kl',
}

/** Training losses and their parts, one number a sample. */
export const loss: Kind = {
  name: 'loss',
  matches: ({ case: facts, tensors }) => 'loss_type' in facts && tensors.has('out:loss'),
  isInput: (key) => !key.startsWith('out:'),
  compute: async (golden) => {
    const { case: facts } = golden
    const kind = kinds[String(facts.loss_type)]
    if (!kind) throw new Error(`unknown loss_type ${JSON.stringify(facts.loss_type)}`)
    const diffusion = diffusionOf(facts)
    const t = [...stored(golden, 't').data]
    const [xStart, noise] = [images(golden, 'x0'), images(golden, 'noise')]
    const x = qSample(diffusion, { xStart, t, noise })
    const losses = trainingLoss(
      diffusion,
      { xStart, noise, x, t, output: images(golden, 'model_output') },
      { kind },
    )
    const tensors: Record<string, Values> = { 'out:loss': await valuesOf(losses.loss) }
    if (losses.mse) tensors['out:mse'] = await valuesOf(losses.mse)
    // the reference states the bound as it enters the sum, we state it in bits per dimension
    const share = kind === 'hybrid' ? Number(facts.T) / 1000 : 1
    if (losses.vb) tensors['out:vb'] = await valuesOf(tf.mul(losses.vb, share))
    return { tensors }
  },
}
