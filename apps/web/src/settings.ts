/** What the reader has chosen. Signals: whoever reads one is drawn anew when it changes. */
import { batch, signal } from '@preact/signals'
import { decodeLink, defaults, type LinkState } from './link.ts'
import { builtIn, type EngineChoice, type ModelChoice, type SamplerChoice } from './plan.ts'
import type { EngineFacts, ModelFacts } from './protocol.ts'
import { isSameModel } from './same-model.ts'

export const model = signal<ModelChoice>({ denoiser: builtIn })
export const engine = signal<EngineChoice>(defaults.engine)
export const label = signal(defaults.label)
export const gamma = signal(4)
export const steps = signal(defaults.steps)
export const sampler = signal<SamplerChoice>(defaults.sampler)
export const seed = signal(defaults.seed)
/** Noises of the seed that are sampled. */
export const count = signal(defaults.count)

const fashion: ModelFacts = {
  name: 'Fashion-MNIST',
  shape: [28, 28, 1],
  classes: 10,
  classNames: [
    't-shirt',
    'trouser',
    'pullover',
    'dress',
    'coat',
    'sandal',
    'shirt',
    'sneaker',
    'bag',
    'ankle-boot',
  ],
}

/** What is known of the model: of the built-in one before it is loaded. */
export const modelFacts = signal<ModelFacts>(fashion)
/** The engine that runs, once one does. */
export const engineFacts = signal<EngineFacts | undefined>(undefined)

/** The name of a class of a model, or its number. */
export function className({ classNames }: ModelFacts, which: number): string {
  return classNames[which] ?? `class ${which}`
}

/** A model that was loaded: its classes and sizes take the place of those before. */
export function takeModel(facts: ModelFacts): void {
  batch(() => {
    modelFacts.value = facts
    if (label.peek() >= facts.classes) label.value = 0
  })
}

/** Back to the built-in model. */
export function takeBuiltIn(): void {
  batch(() => {
    model.value = { denoiser: builtIn }
    takeModel(fashion)
  })
}

/** Takes the settings of a link. Until its model is loaded it is taken to be like the built-in one. */
export function takeLink(state: LinkState): void {
  const { denoiser, classifier, facts } = state
  batch(() => {
    const chosen = {
      denoiser,
      ...(classifier === undefined ? {} : { classifier }),
      ...(facts ? { facts } : {}),
    }
    if (!isSameModel(chosen, model.peek())) modelFacts.value = fashion
    model.value = chosen
    engine.value = state.engine
    label.value = state.label
    gamma.value = state.gammas[0]?.[1] ?? 0
    steps.value = state.steps
    sampler.value = state.sampler
    seed.value = state.seed
    count.value = state.count
  })
}

/** The link in the address, if there is one. */
export function openedLink(): ReturnType<typeof decodeLink> | undefined {
  const { hash } = globalThis.location
  return hash.includes('=') ? decodeLink(hash) : undefined
}
