/** What the page asks the worker to sample: plain data, which a link can hold too. */

/** A denoiser and the classifier that guides it. */
export interface ModelChoice {
  /** `built-in`, the address of a file, or `file:NAME` for one that was dropped on the page. */
  readonly denoiser: string
  /** The same for the classifier; without it the built-in one, where it fits. */
  readonly classifier?: string
  /** For files that do not say this of themselves. */
  readonly facts?: FileFacts
}

/** What a file of plain tensors does not show of its network and of how that was trained. */
export interface FileFacts {
  /** Height and width of the images. */
  readonly size: number
  /** Heads of attention, by their number or by the channels of each. */
  readonly heads: { readonly count: number } | { readonly channels: number }
  readonly attentionOrder: 'legacy' | 'new'
  /** Of 1000 steps. */
  readonly schedule: 'linear' | 'cosine'
}

/** Largest height and width of images that the page takes, pixels: it draws their noise itself. */
export const mostSize = 1024
/** Most steps of a process that the page takes. */
export const mostTrained = 10_000

export const builtIn = 'built-in'

/** `auto` takes the faster of `webgpu` and `wasm` here. */
export const engineChoices = ['auto', 'webgpu', 'onnx-webgpu', 'onnx-wasm', 'wasm'] as const
export type EngineChoice = (typeof engineChoices)[number]

/** A sampler, for DDIM with its η. */
export const samplerChoices = ['ddim', 'ddim-0.5', 'ddim-1', 'ddpm'] as const
export type SamplerChoice = (typeof samplerChoices)[number]

/** γ from a step on: `[[0, 4], [12, 8]]` is 4 for twelve steps, then 8. Begins at step 0. */
export type GammaPath = readonly (readonly [step: number, gamma: number])[]

/** γ of a step. */
export function gammaAt(path: GammaPath, step: number): number {
  return path.findLast(([from]) => from <= step)?.[1] ?? 0
}

/** What is painted: a value wanted of some pixels. */
export interface Wish {
  /** 1 where a pixel is painted: `[height, width]`. */
  readonly mask: Uint8Array
  /** The value wanted there, 0 … 255: `[height, width, channels]`. */
  readonly target: Uint8Array
  /** How strongly. */
  readonly strength: number
}

/** One picture of a run. */
export interface Cell {
  /** Which noise of the seed it grows from. */
  readonly sample: number
  readonly label: number
  /** A γ of its own, in place of the run's. */
  readonly gamma?: number
  /** Whether the wish pulls it. */
  readonly wished?: boolean
}

/** The cells whose pictures differ: all of them, but without guidance γ makes no difference. */
export function distinctCells(cells: readonly Cell[], guided: boolean): readonly Cell[] {
  if (guided) return cells
  const alike = (a: Cell, b: Cell) =>
    a.sample === b.sample && a.label === b.label && Boolean(a.wished) === Boolean(b.wished)
  return cells.filter((cell, i) => cells.findIndex((other) => alike(cell, other)) === i)
}

export interface RunPlan {
  readonly model: ModelChoice
  readonly engine: EngineChoice
  readonly sampler: SamplerChoice
  readonly steps: number
  readonly seed: number
  readonly cells: readonly Cell[]
  readonly gammas: GammaPath
  readonly wish?: Wish
}
