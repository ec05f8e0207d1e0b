/** A file of weights could not be fetched. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError'
  readonly advice: string

  constructor(facts: { address: string; reason: string; advice: string; cause?: unknown }) {
    super(`${facts.address} can't be loaded: ${facts.reason}.`, { cause: facts.cause })
    this.advice = facts.advice
  }
}

/** A file holds no network that this page can sample with. */
export class ModelFileError extends Error {
  override readonly name = 'ModelFileError'
  readonly advice: string

  constructor(facts: { file: string; problem: string; advice: string }) {
    super(`${facts.file} ${facts.problem}.`)
    this.advice = facts.advice
  }
}

/** What is to guide was not chosen as such: the file that was taken for a denoiser is a classifier. */
export class ClassifierFileError extends Error {
  override readonly name = 'ClassifierFileError'
  readonly advice = 'Drop it together with the denoiser that it is to guide.'

  constructor(file: string) {
    super(`${file} holds a classifier, not a denoiser.`)
  }
}

/** A plan asks for pictures that its model does not make. */
export class PlanMisfitError extends Error {
  override readonly name = 'PlanMisfitError'
  readonly advice: string

  constructor(facts: { problem: string; advice: string }) {
    super(`${facts.problem}.`)
    this.advice = facts.advice
  }
}

/** A file of plain tensors, which does not say what is needed to sample with them. */
export class UndescribedFileError extends Error {
  override readonly name = 'UndescribedFileError'
  readonly advice = 'Say below how it was trained.'

  constructor(file: string) {
    super(`${file} holds tensors alone, and does not say for which images and noise they were trained.`)
  }
}
