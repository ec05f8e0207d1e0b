import { describe, expect, test } from 'vitest'
import { initialValues } from './initial-weights.ts'
import { networkSpecs } from './network-specs.ts'

const specs = networkSpecs({
  kind: 'unet',
  config: { size: 8, outChannels: 3, channels: 64, multipliers: [1, 2], attention: [4], classes: 50 },
})
const head = networkSpecs({
  kind: 'classifier',
  config: { size: 16, outChannels: 5, channels: 64, multipliers: [1, 2], pool: 'attention' },
})

const moments = (values: Float32Array) => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return { mean, deviation: Math.sqrt(variance) }
}
const named = (name: string) => [...specs, ...head].find((spec) => spec.name === name) as (typeof specs)[0]

describe('initial weights', () => {
  test('the last layer of every residual branch and of the network is zero', () => {
    const zeroed = specs.filter((spec) => initialValues(spec, 1).every((value) => value === 0))
    const expected = specs.filter(({ name }) => {
      const normBias = /(in_layers\.0|out_layers\.0|norm|out\.0)\.bias$/.test(name)
      return normBias || /(out_layers\.3|proj_out|^out\.2)\.(weight|bias)$/.test(name)
    })
    expect(zeroed.map(({ name }) => name)).toEqual(expected.map(({ name }) => name))
    expect(zeroed.length).toBeGreaterThan(20)
  })

  test('norms start as the identity', () => {
    const norms = specs.filter(({ name }) => /(in_layers\.0|out_layers\.0|norm|out\.0)\.weight$/.test(name))
    expect(norms.length).toBeGreaterThan(10)
    for (const spec of norms) expect(new Set(initialValues(spec, 1))).toEqual(new Set([1]))
  })

  // uniform in ±1/√fanIn: deviation 1/√(3 fanIn)
  test.each([
    ['input_blocks.1.0.in_layers.2.weight', 64 * 9],
    ['time_embed.2.weight', 256],
    ['time_embed.2.bias', 256],
    ['middle_block.1.qkv.weight', 128],
    ['output_blocks.0.0.skip_connection.weight', 256],
  ])('%s is uniform as PyTorch starts it', (name, fanIn) => {
    const values = initialValues(named(name), 3)
    const bound = 1 / Math.sqrt(fanIn)
    const { mean, deviation } = moments(values)
    const error = bound / Math.sqrt(values.length)
    expect(Math.abs(mean)).toBeLessThan(4 * error)
    expect(Math.abs(deviation - bound / Math.sqrt(3))).toBeLessThan(4 * error)
    const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
    expect(largest).toBeLessThanOrEqual(Math.fround(bound))
    expect(largest).toBeGreaterThan(0.95 * bound)
  })

  // PyTorch: embeddings N(0, 1); the reference: positions N(0, 1/width)
  test.each([
    ['label_emb.weight', 1],
    ['out.2.positional_embedding', 1 / Math.sqrt(128)],
  ])('%s is normal', (name, expected) => {
    const values = initialValues(named(name), 3)
    const { mean, deviation } = moments(values)
    expect(Math.abs(mean)).toBeLessThan((4 * expected) / Math.sqrt(values.length))
    expect(Math.abs(deviation / expected - 1)).toBeLessThan(4 / Math.sqrt(2 * values.length))
  })

  test('a seed gives the same values again, another seed others', () => {
    const spec = named('time_embed.0.weight')
    expect(initialValues(spec, 5)).toEqual(initialValues(spec, 5))
    expect(initialValues(spec, 5)).not.toEqual(initialValues(spec, 6))
  })

  test('a tensor depends on its own name alone', () => {
    const [first, second] = [
      named('input_blocks.1.0.in_layers.2.weight'),
      named('input_blocks.2.0.in_layers.2.weight'),
    ]
    expect(second.shape).toEqual(first.shape)
    expect(initialValues(first, 5)).not.toEqual(initialValues(second, 5))
    expect(initialValues({ ...first, fanIn: 64 * 9 }, 5)).toEqual(initialValues(first, 5))
  })
})
