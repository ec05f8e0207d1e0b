import {
  type EncoderUNetConfig,
  type PublishedName,
  publishedModels,
  type UNetConfig,
} from '@guided-diffusion/models'
import { describe, expect, test } from 'vitest'
import { guidanceScale, planSampling, type SamplingWishes } from './sampling-plan.ts'
import type { TrainedNetwork } from './trained-network.ts'

const wishes: SamplingWishes = { conditional: false, count: 6, seed: 1 }
const classes = { count: 1000, names: [] }

/** A published network as its file would tell of it. */
function published<C = UNetConfig>(name: PublishedName, alike: PublishedName[] = [name]): TrainedNetwork<C> {
  const { kind, config, diffusion } = publishedModels[name]
  const description = { kind, config } as never
  return {
    path: `models/${name}.pt`,
    file: {
      name,
      format: 'torch-zip',
      size: 0,
      tensors: new Map(),
      prefix: '',
      parameters: 0,
      network: { description, by: 'published', sizeKnown: true },
      published: alike,
      classes: [],
      values: {},
    },
    config: config as C,
    diffusion,
    classes,
  }
}

const guide = (name: PublishedName) => published<EncoderUNetConfig>(name)

/** A network that was trained here. */
function own(config: Partial<UNetConfig>): TrainedNetwork<UNetConfig> {
  const denoiser = published('64x64_diffusion', [])
  const { classes: _, ...rest } = denoiser.config
  return {
    ...denoiser,
    path: 'run/model.safetensors',
    config: { ...rest, ...config },
    classes: { count: 3, names: ['a', 'b', 'c'] },
  }
}

describe('what is left out follows from the model', () => {
  test('DDIM, 25 steps a whole stride apart and γ = 4 for one that was trained here', () => {
    const denoiser = own({ classes: 3, nullClass: true })
    const plan = planSampling(wishes, denoiser, undefined)
    expect([plan.sampler, plan.eta, plan.conditional]).toEqual(['ddim', 0, false])
    expect([...plan.diffusion.schedule.timesteps]).toEqual(Array.from({ length: 25 }, (_, i) => 40 * i))
    expect(plan.labels).toEqual([0, 0, 1, 1, 2, 2])
    expect(guidanceScale(wishes, denoiser)).toBe(4)
  })

  test('DDPM and the steps, γ and random classes of the authors for a published one', () => {
    const denoiser = published('64x64_diffusion')
    const plan = planSampling(wishes, denoiser, guide('64x64_classifier'))
    expect([plan.sampler, plan.conditional, plan.diffusion.schedule.steps]).toEqual(['ddpm', true, 250])
    expect(guidanceScale(wishes, denoiser)).toBe(1)
    expect(guidanceScale({ ...wishes, scale: 0 }, denoiser)).toBe(0)
    expect(new Set(plan.labels).size).toBeGreaterThan(1)
    expect(planSampling(wishes, denoiser, undefined).labels).toEqual(plan.labels)
    expect(planSampling({ ...wishes, seed: 2 }, denoiser, undefined).labels).not.toEqual(plan.labels)
  })

  test('where several have the same tensors, the name of the file tells which it is', () => {
    const alike: PublishedName[] = ['256x256_diffusion_uncond', 'lsun_cat']
    const steps = (name: PublishedName) =>
      planSampling(wishes, published(name, alike), undefined).diffusion.schedule.steps
    expect([steps('256x256_diffusion_uncond'), steps('lsun_cat')]).toEqual([250, 1000])
    expect(guidanceScale(wishes, published('lsun_cat', alike))).toBe(0)
    expect(guidanceScale(wishes, published('256x256_diffusion_uncond', alike))).toBe(10)
  })

  test('a network without a null class is told the class', () => {
    expect(planSampling(wishes, own({ classes: 3 }), undefined).conditional).toBe(true)
    expect(planSampling(wishes, own({}), undefined).conditional).toBe(false)
  })
})

test('the steps may be spelled as in the reference code', () => {
  const steps = (more: Partial<SamplingWishes>) => [
    ...planSampling({ ...wishes, ...more }, own({ classes: 3 }), undefined).diffusion.schedule.timesteps,
  ]
  expect(steps({ respacing: 'ddim4' })).toEqual([0, 250, 500, 750])
  expect(steps({ respacing: '2,1' })).toEqual([0, 499, 500])
  expect(steps({ steps: 3, sampler: 'ddpm' })).toEqual([0, 500, 999])
})

test.each([
  [{ sampler: 'ddpm', eta: 0 }, '--eta says how much noise DDIM adds, and the sampler is DDPM.'],
  [{ classes: 'd' }, 'There is no class "d".'],
  [{ steps: 60 }, 'No whole stride takes exactly 60 of 1000 steps.'],
] as const)('%j is refused', (more, message) => {
  expect(() => planSampling({ ...wishes, ...more }, own({ classes: 3 }), undefined)).toThrow(message)
})

test('a classifier of other images, another schedule or other classes is refused', () => {
  const denoiser = published('64x64_diffusion')
  expect(() => planSampling(wishes, denoiser, guide('128x128_classifier'))).toThrow(
    '64x64_diffusion is made for images of 64 × 64 × 3, 128x128_classifier for images of 128 × 128 × 3.',
  )
  const linear = { ...guide('64x64_classifier'), diffusion: guide('128x128_classifier').diffusion }
  expect(() => planSampling(wishes, denoiser, linear)).toThrow(
    '64x64_diffusion is made for noise of 1000 steps, cosine, 64x64_classifier for noise of 1000 steps, linear.',
  )
  expect(() => planSampling(wishes, own({ classes: 3 }), guide('64x64_classifier'))).toThrow(
    'knows 3 classes, 64x64_classifier 1000.',
  )
})
