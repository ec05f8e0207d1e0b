import { describe, expect, test } from 'vitest'
import { inferNetwork, type NetworkFacts } from './infer-config.ts'
import type { NetworkDescription } from './network-file.ts'
import { networkSpecs } from './network-specs.ts'
import { publishedModels } from './published.ts'
import type { EncoderUNetConfig, UNetConfig } from './unet-config.ts'

const shapesOf = (network: NetworkDescription) =>
  new Map(networkSpecs(network).map(({ name, shape }) => [name, shape]))

const unet: UNetConfig = {
  size: 32,
  inChannels: 3,
  outChannels: 6,
  channels: 64,
  multipliers: [0.5, 1, 2],
  blocks: 2,
  attention: [16, 8],
  headChannels: 32,
  attentionOrder: 'new',
  conditioning: 'scale-shift',
  resampling: 'res-block',
  dropout: 0,
}
const encoder: EncoderUNetConfig = { ...unet, outChannels: 10, pool: 'attention' }
const facts: NetworkFacts = { size: 32, headChannels: 32, attentionOrder: 'new' }

describe('a network is inferred from its tensors', () => {
  test('the published ones alone', () => {
    const { kind, config } = publishedModels['64_256_upsampler']
    expect(inferNetwork(shapesOf(publishedModels['64_256_upsampler']))).toEqual({ kind, config })
  })

  test.each<Partial<UNetConfig>>([
    {},
    { resampling: 'conv' },
    { resampling: 'pool' },
    { conditioning: 'add', multipliers: [1, 1], blocks: 1, attention: [16] },
    { multipliers: [1, 1, 1], resampling: 'pool', attention: [] },
    { multipliers: [1], attention: [32], blocks: 3 },
    { inChannels: 1, outChannels: 2, classes: 7 },
  ])('a UNet with %o', (change) => {
    const network = { kind: 'unet', config: { ...unet, ...change } } as const
    expect(inferNetwork(shapesOf(network), facts)).toEqual(network)
  })

  test('a UNet with a null class, separate heads and dropout, which must be told', () => {
    const { headChannels: _, ...others } = unet
    const config = { ...others, heads: 4, headsUpsample: 2, classes: 7, nullClass: true, dropout: 0.2 }
    const network = { kind: 'unet', config } as const
    const told = { size: 32, heads: 4, headsUpsample: 2, nullClass: true, dropout: 0.2 } as const
    expect(inferNetwork(shapesOf(network), { ...told, attentionOrder: 'new' })).toEqual(network)
  })

  test('a UNet that upscales, unless told otherwise', () => {
    const shapes = shapesOf({ kind: 'super-resolution', config: unet })
    expect(inferNetwork(shapes, facts)).toEqual({ kind: 'super-resolution', config: unet })
    expect(inferNetwork(shapes, { ...facts, kind: 'unet' })).toEqual({
      kind: 'unet',
      config: { ...unet, inChannels: 6 },
    })
  })

  test.each(['attention', 'adaptive', 'spatial', 'spatial-v2'] as const)('a classifier, %s', (pool) => {
    const network = { kind: 'classifier', config: { ...encoder, pool } } as const
    expect(inferNetwork(shapesOf(network), facts)).toEqual(network)
  })

  test('the size too, where attention pooling shows it', () => {
    const { size: _, ...others } = facts
    const network = { kind: 'classifier', config: encoder } as const
    expect(inferNetwork(shapesOf(network), others)).toEqual(network)
  })
})

describe('tensors that show no network are refused:', () => {
  const shapes = shapesOf({ kind: 'unet', config: unet })

  test('not published', () => {
    expect(() => inferNetwork(shapes)).toThrowErrorMatchingInlineSnapshot(
      `[UnknownArchitectureError: The tensors do not describe a network of this family: no published network has exactly these names and shapes.]`,
    )
  })

  test('of another family', () => {
    expect(() =>
      inferNetwork(new Map([['conv1.weight', [8, 3, 3, 3]]]), facts),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UnknownArchitectureError: The tensors do not describe a network of this family: no arrangement of levels and blocks has them.]`,
    )
    const misplaced = new Map([...shapes].filter(([name]) => !name.startsWith('time_embed.')))
    expect(() => inferNetwork(misplaced, facts)).toThrowErrorMatchingInlineSnapshot(
      `[UnknownArchitectureError: The tensors do not describe a network of this family: there is no time_embed.0.weight of at least 2 axes.]`,
    )
  })

  test('without a size', () => {
    expect(() => inferNetwork(shapes, {})).toThrowErrorMatchingInlineSnapshot(
      `[UnknownArchitectureError: The tensors do not describe a network of this family: nothing in them shows the size of the image.]`,
    )
  })

  test('with heads that do not fit', () => {
    expect(() => inferNetwork(shapes, { size: 32, heads: 7 })).toThrowErrorMatchingInlineSnapshot(
      `[UnknownArchitectureError: The tensors do not describe a network of this family: no arrangement of levels and blocks has them; one that was tried fails: heads is 7, expected a divisor of 64, the width where attention stands.]`,
    )
  })

  test('with two arrangements: a halving block looks like any other', () => {
    const flat = { ...encoder, multipliers: [1, 1], blocks: 1, attention: [], pool: 'adaptive' } as const
    expect(() =>
      inferNetwork(shapesOf({ kind: 'classifier', config: flat }), facts),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UnknownArchitectureError: The tensors do not describe a network of this family: 2 arrangements of levels and blocks have them.]`,
    )
  })
})
