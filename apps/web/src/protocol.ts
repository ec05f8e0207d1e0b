/**
 * What page and worker say to each other. The page asks, the worker reports; `id` names the request. Numbers travel as
 * typed arrays that are transferred.
 */
import type { EngineChoice, ModelChoice, RunPlan } from './plan.ts'

export type Request =
  /** The choice of an engine that was measured on an earlier visit: a worker can't read it. */
  | { readonly type: 'remembered'; readonly choice: string }
  /** Forgets that choice: the next request starts an engine anew. */
  | { readonly type: 'measure' }
  | { readonly type: 'run'; readonly id: number; readonly plan: RunPlan }
  /** Loads a model and nothing more. */
  | { readonly type: 'load'; readonly id: number; readonly model: ModelChoice; readonly engine: EngineChoice }
  /** γ for the steps to come. */
  | { readonly type: 'gamma'; readonly id: number; readonly gamma: number }
  | { readonly type: 'abort'; readonly id: number }

export type Report =
  | ({ readonly type: 'progress'; readonly id: number } & Loading)
  | { readonly type: 'ready'; readonly id: number; readonly model: ModelFacts; readonly engine: EngineFacts }
  | ({ readonly type: 'step'; readonly id: number } & StepPicture)
  /** A choice of an engine that is to be kept for later visits. */
  | { readonly type: 'remember'; readonly choice: string }
  /** `used`: the addresses of what the worker has fetched since it started. */
  | { readonly type: 'done'; readonly id: number; readonly used: readonly string[] }
  | { readonly type: 'failed'; readonly id: number; readonly problem: Problem }

/** What is being made ready, in bytes where they are counted. */
export interface Loading {
  readonly stage: 'engine' | 'denoiser' | 'classifier' | 'weights' | 'first step'
  readonly loaded: number
  /** 0 where nobody knows. */
  readonly total: number
}

export interface ModelFacts {
  readonly name: string
  readonly shape: readonly [height: number, width: number, channels: number]
  /** How many classes there are to choose from: those of the classifier, else of the denoiser; 0 where neither has any. */
  readonly classes: number
  /** Their names, where the file has them. */
  readonly classNames: readonly string[]
  /** Why nothing guides, where nothing does. */
  readonly unguided?: string
}

/** Whether γ changes the pictures of a model. */
export const isGuided = ({ unguided }: ModelFacts): boolean => unguided === undefined

export interface EngineFacts {
  readonly name: string
  readonly description: string
  /** Why it was taken, and others not. */
  readonly why: string
  /** Whether a measurement chose it, which can be made again. */
  readonly measured?: boolean
}

/** A finished step of all pictures of a run. */
export interface StepPicture {
  /** 0 after the first. */
  readonly index: number
  readonly total: number
  /** What the network was told. */
  readonly timestep: number
  readonly gamma: number
  /** x after the step, [−1, 1] as 0 … 255: `[cells, height, width, channels]`. */
  readonly x: Uint8Array
  /** x̂_0, likewise. */
  readonly xStart: Uint8Array
  /** The pull on each picture, by its own largest value: −127 … 127. Empty without guidance. */
  readonly pull: Int8Array
  /** p(class | x_t) before the step: `[cells, classes]`. Empty without a classifier. */
  readonly probabilities: Float32Array
  /** Milliseconds that the step took. */
  readonly took: number
}

/** What went wrong, in words. */
export interface Problem {
  readonly name: string
  readonly message: string
  readonly advice?: string
}

/** An error as a problem; `AbortError` keeps its name. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { advice } = error as { advice?: unknown }
  return {
    name: error.name,
    message: error.message || error.name,
    ...(typeof advice === 'string' ? { advice } : {}),
  }
}
