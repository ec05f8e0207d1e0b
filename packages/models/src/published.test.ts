import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { networkSpecs } from './network-specs.ts'
import { type PublishedName, publishedModels, recognizePublished } from './published.ts'

interface Listed {
  readonly kind: 'unet' | 'superres' | 'classifier'
  readonly flags: Readonly<Record<string, string | number | boolean>>
  readonly parameters: number
  readonly tensors: Readonly<Record<string, readonly number[]>>
}

const path = createRequire(import.meta.url).resolve(
  '@guided-diffusion/tooling/golden/vectors/published-models.json.gz',
)
const listed = JSON.parse(gunzipSync(readFileSync(path)).toString()) as Record<string, Listed>
const entryOf = (name: PublishedName) => listed[name.startsWith('lsun_') ? 'lsun' : name] as Listed
const names = Object.keys(publishedModels) as PublishedName[]

describe('the published checkpoints', () => {
  test('every listed one is in the table', () => {
    expect(new Set(names.map(entryOf))).toEqual(new Set(Object.values(listed)))
    expect(names).toHaveLength(15)
  })

  test.each(names)('%s: exactly these tensors, in this order', (name) => {
    const { tensors, parameters } = entryOf(name)
    const specs = networkSpecs(publishedModels[name])
    expect(specs.map((spec) => [spec.name, spec.shape])).toEqual(Object.entries(tensors))
    const count = specs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
    expect(count).toBe(parameters)
  })

  // what shapes do not show must come from the flags of the list
  test.each(names)('%s: size, heads, attention order, dropout and schedule', (name) => {
    const { flags, kind } = entryOf(name)
    const { config, diffusion, url } = publishedModels[name]
    expect(config.size).toBe(flags.image_size ?? flags.large_size)
    expect(config.attention?.join()).toBe(
      flags.attention_resolutions ?? flags.classifier_attention_resolutions,
    )
    expect(config.attentionOrder ?? 'legacy').toBe(flags.use_new_attention_order ? 'new' : 'legacy')
    expect(url).toBe(`https://openaipublic.blob.core.windows.net/diffusion/jul-2021/${name}.pt`)
    if (kind === 'classifier') return expect(config.headChannels).toBe(64)
    expect(config.headChannels).toBe(flags.num_head_channels)
    expect(config.heads).toBe(flags.num_heads)
    expect(config.dropout ?? 0).toBe(name === 'lsun_horse_nodropout' ? 0 : (flags.dropout ?? 0))
    expect([diffusion.steps, diffusion.schedule]).toEqual([flags.diffusion_steps, flags.noise_schedule])
  })

  test('a classifier has the schedule of the network that it guides', () => {
    for (const { sampling, diffusion } of Object.values(publishedModels)) {
      if (!sampling?.guidance) continue
      const guide = publishedModels[sampling.guidance.classifier]
      expect([guide.kind, guide.diffusion]).toEqual(['classifier', diffusion])
    }
  })

  test('are recognised by their tensors; five share theirs', () => {
    const alike = names.filter((name) => name.startsWith('lsun_') || name === '256x256_diffusion_uncond')
    for (const name of names) {
      const found = recognizePublished(new Map(Object.entries(entryOf(name).tensors)))
      expect(found).toEqual(alike.includes(name) ? alike : [name])
    }
  })

  test('one tensor more, less or of another shape is none of them', () => {
    const tensors = Object.entries(entryOf('64x64_classifier').tensors)
    expect(recognizePublished(new Map(tensors.slice(1)))).toEqual([])
    expect(recognizePublished(new Map([...tensors, ['extra', [1]]]))).toEqual([])
    expect(recognizePublished(new Map([...tensors, ['time_embed.0.bias', [511]]]))).toEqual([])
  })
})
