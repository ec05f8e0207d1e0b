/**
 * The state of the page as the part of its address behind `#`, and back: whoever opens the link gets the same pictures.
 */
import { decodeFacts, encodeFacts } from './facts-code.ts'
import {
  builtIn,
  type EngineChoice,
  engineChoices,
  type FileFacts,
  type GammaPath,
  type SamplerChoice,
  samplerChoices,
  type Wish,
} from './plan.ts'
import { decodeWish, encodeWish } from './wish-code.ts'

export const figures = ['pair', 'grid', 'paint'] as const
export type Figure = (typeof figures)[number]

/** Everything that pictures depend on. */
export interface LinkState {
  readonly figure: Figure
  readonly denoiser: string
  readonly classifier?: string
  readonly facts?: FileFacts
  readonly engine: EngineChoice
  readonly label: number
  readonly gammas: GammaPath
  readonly steps: number
  readonly sampler: SamplerChoice
  readonly seed: number
  /** How many noises of the seed. */
  readonly count: number
  readonly wish?: Wish
}

export const defaults: LinkState = {
  figure: 'pair',
  denoiser: builtIn,
  engine: 'auto',
  label: 7,
  gammas: [[0, 4]],
  steps: 25,
  sampler: 'ddim',
  seed: 7,
  count: 1,
}

export const limits = { gamma: 10, steps: 1000, seed: 2 ** 32 - 1, count: 8, label: 99_999, strength: 10 }

/** `figure=pair&class=7&gamma=4,12:8&steps=25&…`: all but the engine, the model and the wish always. */
export function encodeLink(state: LinkState): string {
  const path = state.gammas.map(([step, gamma]) => (step === 0 ? `${gamma}` : `${step}:${gamma}`)).join(',')
  const pairs: [string, string | number][] = [
    ['figure', state.figure],
    ['class', state.label],
    ['gamma', path],
    ['steps', state.steps],
    ['sampler', state.sampler],
    ['seed', state.seed],
    ['count', state.count],
  ]
  if (state.denoiser !== builtIn) pairs.push(['model', state.denoiser])
  if (state.classifier !== undefined) pairs.push(['classifier', state.classifier])
  if (state.facts) pairs.push(['trained', encodeFacts(state.facts)])
  if (state.engine !== 'auto') pairs.push(['engine', state.engine])
  if (state.wish) pairs.push(['strength', state.wish.strength], ['wish', encodeWish(state.wish)])
  return pairs
    .map(([key, value]) => `${key}=${encodeURIComponent(value).replace(/%(2C|3A)/g, decoded)}`)
    .join('&')
}

const decoded = (code: string) => decodeURIComponent(code)

/** The state of a link; what it lacks is as by default, and `ignored` names what could not be read. */
export function decodeLink(hash: string): { readonly state: LinkState; readonly ignored: readonly string[] } {
  const ignored: string[] = []
  const values = new Map<string, string>()
  for (const part of hash.replace(/^#/, '').split('&')) {
    const [key = '', ...rest] = part.split('=')
    if (key !== '') values.set(key, textOf(rest.join('=')))
  }
  const read = <T>(key: string, parse: (text: string) => T | undefined, fallback: T): T => {
    const text = values.get(key)
    values.delete(key)
    if (text === undefined) return fallback
    const value = parse(text)
    if (value === undefined) ignored.push(`${key}=${text.slice(0, 40)}`)
    return value ?? fallback
  }
  const strength = read('strength', between(0, limits.strength), 6)
  const wish = read('wish', (text) => decodeWish(text, strength), undefined)
  const classifier = read('classifier', (text) => text || undefined, undefined)
  const facts = read('trained', decodeFacts, undefined)
  const state: LinkState = {
    figure: read('figure', oneOf(figures), defaults.figure),
    denoiser: read('model', (text) => text || undefined, defaults.denoiser),
    ...(classifier === undefined ? {} : { classifier }),
    ...(facts ? { facts } : {}),
    engine: read('engine', oneOf(engineChoices), defaults.engine),
    label: read('class', whole(0, limits.label), defaults.label),
    gammas: read('gamma', gammaPath, defaults.gammas),
    steps: read('steps', whole(1, limits.steps), defaults.steps),
    sampler: read('sampler', oneOf(samplerChoices), defaults.sampler),
    seed: read('seed', whole(0, limits.seed), defaults.seed),
    count: read('count', whole(1, limits.count), defaults.count),
    ...(wish ? { wish } : {}),
  }
  return { state, ignored: [...ignored, ...[...values].map(([key, text]) => `${key}=${text.slice(0, 40)}`)] }
}

function textOf(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

const oneOf =
  <T extends string>(known: readonly T[]) =>
  (text: string) =>
    known.find((each) => each === text)

const between = (least: number, most: number) => (text: string) => {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  return value >= least && value <= most ? value : undefined
}

const whole = (least: number, most: number) => (text: string) => {
  const value = between(least, most)(text)
  return Number.isInteger(value) ? value : undefined
}

/** `4`, or `4,12:8`: steps rise from 0. */
function gammaPath(text: string): GammaPath | undefined {
  const path: [number, number][] = []
  for (const part of text.split(',')) {
    const [before, after] = part.includes(':') ? part.split(':') : ['0', part]
    const step = whole(0, limits.steps)(before ?? '')
    const gamma = between(0, limits.gamma)(after ?? '')
    if (step === undefined || gamma === undefined) return undefined
    const last = path.at(-1)
    if (last ? step <= last[0] : step !== 0) return undefined
    path.push([step, gamma])
  }
  return path
}
