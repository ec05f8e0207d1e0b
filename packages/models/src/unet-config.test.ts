import { describe, expect, test } from 'vitest'
import { ModelConfigError } from './errors.ts'
import { completeConfig, type UNetConfig } from './unet-config.ts'
import { planUNet } from './unet-plan.ts'

const sound: UNetConfig = { size: 16, outChannels: 3, channels: 32, multipliers: [1, 2], attention: [8] }

function refusal(change: Partial<UNetConfig>): ModelConfigError {
  try {
    planUNet(completeConfig({ ...sound, ...change }))
  } catch (error) {
    if (error instanceof ModelConfigError) return error
    throw error
  }
  throw new Error('accepted')
}

describe('a configuration', () => {
  test('is completed by the defaults', () => {
    expect(completeConfig({ size: 8, outChannels: 3, channels: 32, multipliers: [1] })).toEqual({
      size: 8,
      outChannels: 3,
      channels: 32,
      multipliers: [1],
      inChannels: 3,
      blocks: 2,
      attention: [],
      heads: 1,
      attentionOrder: 'legacy',
      conditioning: 'scale-shift',
      resampling: 'res-block',
      dropout: 0,
    })
  })

  test('keeps what is given', () => {
    const given = { ...sound, blocks: 1, heads: 4, resampling: 'pool', dropout: 0.5, classes: 3 } as const
    expect(completeConfig(given)).toMatchObject(given)
  })
})

describe('a configuration that makes no network is refused:', () => {
  test('size', () => {
    expect(refusal({ size: 0 }).message).toMatchInlineSnapshot(
      `"size is 0, expected a positive whole number."`,
    )
    expect(refusal({ size: 15 }).message).toMatchInlineSnapshot(
      `"size is 15, expected a multiple of 2, since 2 levels halve it 1 times."`,
    )
  })

  test('counts', () => {
    expect(refusal({ inChannels: 0 }).message).toMatchInlineSnapshot(
      `"inChannels is 0, expected a positive whole number."`,
    )
    expect(refusal({ channels: 2.5 }).message).toMatchInlineSnapshot(
      `"channels is 2.5, expected a positive whole number."`,
    )
    expect(refusal({ blocks: 0 }).message).toMatchInlineSnapshot(
      `"blocks is 0, expected a positive whole number."`,
    )
    expect(refusal({ heads: -1 }).message).toMatchInlineSnapshot(
      `"heads is -1, expected a positive whole number."`,
    )
    expect(refusal({ headChannels: 0 }).message).toMatchInlineSnapshot(
      `"headChannels is 0, expected a positive whole number."`,
    )
    expect(refusal({ outChannels: 0 }).message).toMatchInlineSnapshot(
      `"outChannels is 0, expected a positive whole number."`,
    )
    expect(refusal({ classes: 0 }).message).toMatchInlineSnapshot(
      `"classes is 0, expected a positive whole number."`,
    )
  })

  test('widths', () => {
    expect(refusal({ channels: 48 }).message).toMatchInlineSnapshot(
      `"channels × multiplier is 48, expected a positive multiple of 32, the groups of every normalisation."`,
    )
    expect(refusal({ multipliers: [1, 0] }).message).toMatchInlineSnapshot(
      `"channels × multiplier is 0, expected a positive multiple of 32, the groups of every normalisation."`,
    )
    expect(refusal({ multipliers: [] }).message).toMatchInlineSnapshot(
      `"multipliers is [], expected one multiplier a level."`,
    )
  })

  test('attention', () => {
    expect(refusal({ attention: [4] }).message).toMatchInlineSnapshot(
      `"attention is [4], expected resolutions among 16, 8 pixels."`,
    )
    expect(refusal({ heads: 3 }).message).toMatchInlineSnapshot(
      `"heads is 3, expected a divisor of 64, the width where attention stands."`,
    )
    expect(refusal({ headsUpsample: 5 }).message).toMatchInlineSnapshot(
      `"heads is 5, expected a divisor of 64, the width where attention stands."`,
    )
    expect(refusal({ headChannels: 48 }).message).toMatchInlineSnapshot(
      `"headChannels is 48, expected a divisor of 64, the width where attention stands."`,
    )
    expect(refusal({ heads: 2, headChannels: 16 }).message).toMatchInlineSnapshot(
      `"heads is 2, expected nothing beside headChannels."`,
    )
  })

  test('dropout', () => {
    expect(refusal({ dropout: 1 }).message).toMatchInlineSnapshot(
      `"dropout is 1, expected a probability in [0, 1)."`,
    )
    expect(refusal({ dropout: Number.NaN }).message).toMatchInlineSnapshot(
      `"dropout is NaN, expected a probability in [0, 1)."`,
    )
  })

  test('a null class beside no classes', () => {
    expect(refusal({ nullClass: true }).message).toMatchInlineSnapshot(
      `"nullClass is true, expected false for a network without classes."`,
    )
  })

  test('the error holds option, value and advice', () => {
    expect(refusal({ channels: 48 })).toMatchObject({
      name: 'ModelConfigError',
      parameter: 'channels × multiplier',
      value: 48,
      advice: 'Choose channels so that channels × 1 is a multiple of 32.',
    })
  })
})
