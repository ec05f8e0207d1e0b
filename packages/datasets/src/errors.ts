/** A file does not hold what its format says. */
export class DatasetFormatError extends Error {
  override readonly name = 'DatasetFormatError'
  /** The file, by its path or address, or by what it was passed as. */
  readonly file: string
  readonly problem: string
  readonly advice: string

  constructor(facts: { file: string; problem: string; advice: string; cause?: unknown }) {
    super(`${facts.file}: ${facts.problem}.`, 'cause' in facts ? { cause: facts.cause } : undefined)
    this.file = facts.file
    this.problem = facts.problem
    this.advice = facts.advice
  }
}

/** A file or folder could not be read at all. */
export class DatasetReadError extends Error {
  override readonly name = 'DatasetReadError'
  /** The file or folder, by its path or address. */
  readonly file: string
  readonly problem: string
  readonly advice: string

  constructor(facts: { file: string; problem: string; advice: string; cause?: unknown }) {
    super(
      `${facts.file} cannot be read: ${facts.problem}.`,
      'cause' in facts ? { cause: facts.cause } : undefined,
    )
    this.file = facts.file
    this.problem = facts.problem
    this.advice = facts.advice
  }
}

/** A folder is not laid out as a data set. */
export class FolderLayoutError extends Error {
  override readonly name = 'FolderLayoutError'
  readonly folder: string
  readonly problem: string
  readonly advice: string

  constructor(facts: { folder: string; problem: string; advice: string }) {
    super(`${facts.folder}: ${facts.problem}.`)
    this.folder = facts.folder
    this.problem = facts.problem
    this.advice = facts.advice
  }
}

/** An image is in a format for which an optional package must be installed. */
export class DecoderMissingError extends Error {
  override readonly name = 'DecoderMissingError'
  /** The first file that needs the package. */
  readonly file: string
  readonly packageName: string
  readonly advice: string

  constructor(facts: { file: string; packageName: string; cause?: unknown }) {
    super(`${facts.file} cannot be decoded without the package ${facts.packageName}.`, { cause: facts.cause })
    this.file = facts.file
    this.packageName = facts.packageName
    this.advice = `Install it (npm install ${facts.packageName}), or turn the images into PNG, which needs nothing.`
  }
}

/** Something was asked for that this kind of program does not have, such as folders in a browser. */
export class UnsupportedRuntimeError extends Error {
  override readonly name = 'UnsupportedRuntimeError'
  readonly feature: string
  readonly advice: string

  constructor(facts: { feature: string; advice: string }) {
    super(`${facts.feature} is not possible here.`)
    this.feature = facts.feature
    this.advice = facts.advice
  }
}

/** A number was passed that the data set or the batches cannot have. */
export class DatasetRangeError extends Error {
  override readonly name = 'DatasetRangeError'
  readonly parameter: string
  readonly value: unknown
  readonly advice: string

  constructor(facts: { parameter: string; value: unknown; expected: string; advice: string }) {
    super(`${facts.parameter} is ${String(facts.value)}, expected ${facts.expected}.`)
    this.parameter = facts.parameter
    this.value = facts.value
    this.advice = facts.advice
  }
}
