/** A backend that can't run here: why, and what would help. */
export class BackendUnavailableError extends Error {
  override readonly name = 'BackendUnavailableError'
  readonly backend: string
  readonly reason: string
  readonly advice: string

  constructor(facts: { backend: string; reason: string; advice: string; cause?: unknown }) {
    super(`The ${facts.backend} backend can't run here: ${facts.reason}. ${facts.advice}`, {
      cause: facts.cause,
    })
    this.backend = facts.backend
    this.reason = facts.reason
    this.advice = facts.advice
  }
}

/**
 * The error of a driver that can't run here: one of this package, or another that has a `reason` and an `advice`, since
 * drivers may come from packages that do not import this one.
 */
export function asUnavailable(backend: string, error: unknown): BackendUnavailableError | undefined {
  if (error instanceof BackendUnavailableError) return error
  const { reason, advice } = (error ?? {}) as { reason?: unknown; advice?: unknown }
  if (!(error instanceof Error) || typeof reason !== 'string' || typeof advice !== 'string') return undefined
  return new BackendUnavailableError({ backend, reason, advice, cause: error })
}

/** None of the drivers that were asked for can run. */
export class NoBackendError extends Error {
  override readonly name = 'NoBackendError'
  readonly tried: readonly BackendUnavailableError[]

  constructor({ tried }: { tried: readonly BackendUnavailableError[] }) {
    const reasons = tried.map(({ backend, reason, advice }) => `${backend}: ${reason}. ${advice}`)
    super(
      tried.length === 0
        ? 'No backend was asked for. Pass at least one driver, for example cpu().'
        : `No backend can run here.\n${reasons.join('\n')}`,
    )
    this.tried = tried
  }
}

/** Attention has heads of which not one row fits into the memory of a workgroup on WebGPU. */
export class HeadWidthError extends Error {
  override readonly name = 'HeadWidthError'
  /** Channels of a head. */
  readonly width: number
  readonly advice = 'Give the network more heads, or compute on wasm() or tensorflow().'

  constructor({ width }: { width: number }) {
    super(`Heads of ${width} channels are too wide for a workgroup of WebGPU.`)
    this.width = width
  }
}

/** A device was taken away while it was in use: its driver was reset, its memory ran out, or it was destroyed. */
export class BackendLostError extends Error {
  override readonly name = 'BackendLostError'
  readonly backend: string
  readonly reason: string
  readonly advice =
    'Start the backend again and load the weights again; where it happens often, compute less at a time.'

  constructor(facts: { backend: string; reason: string }) {
    const reason = facts.reason.trim() || 'no reason given'
    super(`The ${facts.backend} backend lost its device: ${reason}.`)
    this.backend = facts.backend
    this.reason = reason
  }
}

/** A device could not do what it was told, and went on: it has no more memory, or refuses a program. */
export class BackendFaultError extends Error {
  override readonly name = 'BackendFaultError'
  readonly backend: string
  readonly reason: string
  readonly advice: string

  /** @param facts `memory`: whether the device has no more. */
  constructor(facts: { backend: string; reason: string; memory: boolean }) {
    const reason = facts.reason.trim() || 'no reason given'
    const what = facts.memory ? 'ran out of memory' : 'met a fault'
    super(`The ${facts.backend} backend ${what}: ${reason.replace(/\.$/, '')}.`)
    this.backend = facts.backend
    this.reason = reason
    this.advice = facts.memory
      ? 'Compute less at a time, or take a smaller network.'
      : 'What was computed since may be wrong: load the weights again, or take another backend.'
  }
}
