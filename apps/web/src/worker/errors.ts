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
