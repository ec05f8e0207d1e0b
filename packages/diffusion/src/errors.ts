/** A process was asked for with options that do not make one. */
export class DiffusionOptionError extends Error {
  override readonly name = 'DiffusionOptionError'
  readonly option: string
  readonly value: unknown
  readonly advice: string

  constructor(facts: { option: string; value: unknown; expected: string; advice: string }) {
    super(`${facts.option} is ${written(facts.value)}, expected ${facts.expected}.`)
    this.option = facts.option
    this.value = facts.value
    this.advice = facts.advice
  }
}

/** A denoiser answered with a tensor that this process cannot read. */
export class DenoiserOutputError extends Error {
  override readonly name = 'DenoiserOutputError'
  readonly actual: readonly number[]
  readonly expected: readonly number[]
  readonly advice: string

  constructor(facts: { actual: readonly number[]; expected: readonly number[]; variance: string }) {
    super(`The denoiser answered [${facts.actual.join(', ')}], expected [${facts.expected.join(', ')}].`)
    this.actual = facts.actual
    this.expected = facts.expected
    this.advice = `With variance '${facts.variance}' the output is as large as x and has ${
      facts.variance.startsWith('learned') ? 'twice its' : 'its'
    } channels: choose the variance that the network was trained for.`
  }
}

/** A guidance asked for a gradient through a denoiser that runs elsewhere. */
export class AsynchronousDenoiserError extends Error {
  override readonly name = 'AsynchronousDenoiserError'
  readonly advice = 'Guide at x_t or at the mean, or use a denoiser that runs on the current backend.'

  constructor() {
    super('The denoiser answers with a promise, through which nothing can be differentiated.')
  }
}

/** Sampling left the numbers. */
export class DivergenceError extends Error {
  override readonly name = 'DivergenceError'
  /** Step of the loop, from 0. */
  readonly step: number
  /** What the network was told. */
  readonly timestep: number
  /** The tensor that has NaN or infinity in it. */
  readonly what: string
  readonly advice =
    'Lower the guidance scale, take more steps, or check that weights and configuration belong together.'

  constructor(facts: { step: number; timestep: number; what: string }) {
    super(
      `Sampling diverged at step ${facts.step} (timestep ${facts.timestep}): ${facts.what} is not finite.`,
    )
    this.step = facts.step
    this.timestep = facts.timestep
    this.what = facts.what
  }
}

/** A value as a message shows it: JSON would make null of NaN and of the infinities. */
function written(value: unknown): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value)
}
