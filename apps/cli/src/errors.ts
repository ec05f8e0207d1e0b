/** A command was asked for something that it can't do; the message says what was expected. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly advice: string

  constructor(message: string, advice: string) {
    super(message)
    this.advice = advice
  }
}

/** A weight file holds something other than what a command needs. */
export class WeightFileError extends Error {
  override readonly name = 'WeightFileError'
  readonly file: string
  readonly advice: string

  constructor({ file, problem, advice }: { file: string; problem: string; advice: string }) {
    super(`${file} ${problem}.`)
    this.file = file
    this.advice = advice
  }
}

/** A file or folder that a command is to write can't be written. */
export class OutputError extends Error {
  override readonly name = 'OutputError'
  readonly path: string
  readonly advice: string

  constructor(facts: { path: string; reason: string; cause?: unknown }) {
    super(`${facts.path} cannot be written: ${facts.reason}.`, { cause: facts.cause })
    this.path = facts.path
    this.advice = 'Name a place that may be written to and has room.'
  }
}

/** A file could not be downloaded, or is not the one that was wanted. What has arrived is kept for another attempt. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError'
  readonly url: string
  readonly reason: string
  /** Whether another attempt may help: a broken connection, a busy server. */
  readonly temporary: boolean
  readonly advice: string

  constructor(facts: { url: string; reason: string; temporary?: boolean; cause?: unknown }) {
    super(`${facts.url} cannot be downloaded: ${facts.reason}.`, { cause: facts.cause })
    this.url = facts.url
    this.reason = facts.reason
    this.temporary = facts.temporary ?? false
    this.advice = this.temporary
      ? 'Run the command again: it goes on from what has arrived.'
      : 'Check the address, or take another one by --mirror.'
  }
}
