import * as tf from '@tensorflow/tfjs-core'
import { attention } from './layers/attention.ts'
import { conv2d, stridedConv2d } from './layers/conv2d.ts'
import type { Dropout } from './layers/dropout.ts'
import { resBlock } from './layers/res-block.ts'
import { averagePool, repeatPixels } from './layers/resample.ts'
import type { Parameters } from './parameters.ts'
import type { Complete, TrunkConfig } from './unet-config.ts'
import type { BlockPlan, LayerPlan, TrunkPlan } from './unet-plan.ts'

/** What every block of one forward pass shares. */
export interface Pass {
  readonly parameters: Parameters
  readonly config: Complete<TrunkConfig>
  /** SiLU of the time and class embedding, `[B, E]`. */
  readonly embedding: tf.Tensor2D
  readonly dropout: Dropout
  /** The weights are constants: no gradient flows to them. */
  readonly frozen: boolean
  /** Sees the output of each block under its name; lent. */
  readonly observe?: ((name: string, output: tf.Tensor4D) => void) | undefined
}

function runLayer(pass: Pass, layer: LayerPlan, x: tf.Tensor4D): tf.Tensor4D {
  const { parameters, config, frozen } = pass
  switch (layer.kind) {
    case 'conv':
      return conv2d(parameters, layer.name, x, { frozen })
    case 'res-block':
      return resBlock(parameters, layer, x, {
        embedding: pass.embedding,
        conditioning: config.conditioning,
        dropout: pass.dropout,
        frozen,
      })
    case 'attention':
      return attention(parameters, layer.name, x, { heads: layer.heads, order: config.attentionOrder })
    case 'downsample':
      return config.resampling === 'conv'
        ? stridedConv2d(parameters, `${layer.name}.op`, x, { frozen })
        : averagePool(x)
    case 'upsample': {
      const repeated = repeatPixels(x)
      return config.resampling === 'conv'
        ? conv2d(parameters, `${layer.name}.conv`, repeated, { frozen })
        : repeated
    }
  }
}

/** One block: its layers in turn. */
export function runBlock(pass: Pass, block: BlockPlan, x: tf.Tensor4D): tf.Tensor4D {
  const output = block.layers.reduce((h, layer) => runLayer(pass, layer, h), x)
  pass.observe?.(block.name, output)
  return output
}

/** The downsampling half and the middle: the last output, and what each input block gave. */
export function runTrunk(
  pass: Pass,
  plan: TrunkPlan,
  x: tf.Tensor4D,
): { output: tf.Tensor4D; skips: tf.Tensor4D[] } {
  const skips: tf.Tensor4D[] = []
  let h = x
  for (const block of plan.inputBlocks) {
    h = runBlock(pass, block, h)
    skips.push(h)
  }
  return { output: runBlock(pass, plan.middleBlock, h), skips }
}

/** Concatenation along the channels. */
export const joinChannels = (a: tf.Tensor4D, b: tf.Tensor4D): tf.Tensor4D => tf.concat([a, b], 3)
