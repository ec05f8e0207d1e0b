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

/** A file of plain tensors, which does not say what is needed to sample with them. */
export class UndescribedFileError extends Error {
  override readonly name = 'UndescribedFileError'
  readonly advice = 'Say below how it was trained.'

  constructor(file: string) {
    super(`${file} holds tensors alone, and does not say for which images and noise they were trained.`)
  }
}
