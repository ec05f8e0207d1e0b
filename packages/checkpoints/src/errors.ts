const listed = 12

function sentences(problems: readonly string[]): string {
  const more = problems.length - listed
  return problems.slice(0, listed).join('; ') + (more > 0 ? `; and ${more} more` : '')
}

/** A file, address or blob could not be opened or read. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  readonly source: string
  readonly reason: string
  /** Whether the same request may succeed later: a broken connection, a busy server. */
  readonly temporary: boolean
  readonly advice: string

  constructor(facts: {
    source: string
    reason: string
    temporary?: boolean
    advice: string
    cause?: unknown
  }) {
    super(`${facts.source} cannot be read: ${facts.reason}.`, { cause: facts.cause })
    this.source = facts.source
    this.reason = facts.reason
    this.temporary = facts.temporary ?? false
    this.advice = facts.advice
  }
}

/** A file ends before what it announces. */
export class TruncatedFileError extends Error {
  override readonly name = 'TruncatedFileError'
  readonly source: string
  readonly size: number
  readonly needed: number
  readonly advice: string

  constructor(facts: { source: string; size: number; needed: number; what: string }) {
    super(
      `${facts.source} is cut off: it has ${facts.size} bytes, ${facts.what} needs ${facts.needed} bytes.`,
    )
    this.source = facts.source
    this.size = facts.size
    this.needed = facts.needed
    this.advice = 'Download or copy the file again and compare its size with the original.'
  }
}

/** A file is of none of the formats that this package reads. */
export class UnknownFormatError extends Error {
  override readonly name = 'UnknownFormatError'
  readonly source: string
  readonly found: string
  readonly advice: string

  constructor(facts: { source: string; found: string; advice?: string }) {
    super(`${facts.source} is ${facts.found}, expected safetensors, a PyTorch checkpoint, .npz or .npy.`)
    this.source = facts.source
    this.found = facts.found
    this.advice = facts.advice ?? 'Check that the path names a weight file.'
  }
}

/** A file breaks the rules of its format. `problems` has every one that was found. */
export class MalformedFileError extends Error {
  override readonly name = 'MalformedFileError'
  readonly source: string
  readonly format: string
  readonly problems: readonly string[]
  readonly advice: string

  constructor(facts: {
    source: string
    format: string
    problems: readonly string[]
    advice?: string
    cause?: unknown
  }) {
    super(`${facts.source} is not valid ${facts.format}: ${sentences(facts.problems)}.`, {
      cause: facts.cause,
    })
    this.source = facts.source
    this.format = facts.format
    this.problems = facts.problems
    this.advice =
      facts.advice ?? 'The file is damaged or was not made by a program of this format; get it again.'
  }
}

/** A file is valid, but uses something of its format that this package does not read. */
export class UnsupportedFileError extends Error {
  override readonly name = 'UnsupportedFileError'
  readonly source: string
  readonly features: readonly string[]
  readonly advice: string

  constructor(facts: { source: string; features: readonly string[]; advice: string }) {
    super(`${facts.source} uses what is not supported: ${sentences(facts.features)}.`)
    this.source = facts.source
    this.features = facts.features
    this.advice = facts.advice
  }
}

/** A pickle asks for names other than those that tensors and dictionaries need. None was looked up or run. */
export class RefusedGlobalError extends Error {
  override readonly name = 'RefusedGlobalError'
  readonly source: string
  /** Every refused name, as `module.name`. */
  readonly globals: readonly string[]
  readonly advice: string

  constructor(facts: { source: string; globals: readonly string[] }) {
    super(
      `${facts.source} asks for names that tensors do not need, and was refused: ${sentences(facts.globals)}.`,
    )
    this.source = facts.source
    this.globals = facts.globals
    this.advice =
      'Only tensors, dictionaries and plain values are read. If you trust the file, save just its state dict again: ' +
      "torch.save(model.state_dict(), 'weights.pt')."
  }
}

/** Reading would take more memory than the file can account for. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError'
  readonly source: string
  readonly bytes: number
  readonly limit: number
  readonly advice: string

  constructor(facts: { source: string; what: string; bytes: number; limit: number; advice: string }) {
    super(`${facts.source}: ${facts.what} takes ${facts.bytes} bytes, the limit is ${facts.limit}.`)
    this.source = facts.source
    this.bytes = facts.bytes
    this.limit = facts.limit
    this.advice = facts.advice
  }
}

/** A tensor, or a group of tensors, was asked for that the file does not have. */
export class TensorNotFoundError extends Error {
  override readonly name = 'TensorNotFoundError'
  readonly source: string
  readonly wanted: string
  readonly available: readonly string[]
  readonly advice: string

  constructor(facts: { source: string; wanted: string; available: readonly string[] }) {
    super(`${facts.source} has no ${facts.wanted}, it has: ${sentences(facts.available) || 'nothing'}.`)
    this.source = facts.source
    this.wanted = facts.wanted
    this.available = facts.available
    this.advice = 'Take one of the names that the file has.'
  }
}

/** Tensors that cannot be written. `problems` has every one that was found. */
export class WeightsValueError extends Error {
  override readonly name = 'WeightsValueError'
  readonly problems: readonly string[]
  readonly advice: string

  constructor(facts: { problems: readonly string[]; advice: string }) {
    super(`The weights cannot be written: ${sentences(facts.problems)}.`)
    this.problems = facts.problems
    this.advice = facts.advice
  }
}

/** A file could not be written. Nothing is left at its path but what was there before. */
export class WriteError extends Error {
  override readonly name = 'WriteError'
  readonly path: string
  readonly advice: string

  constructor(facts: { path: string; reason: string; advice: string; cause?: unknown }) {
    super(`${facts.path} cannot be written: ${facts.reason}.`, { cause: facts.cause })
    this.path = facts.path
    this.advice = facts.advice
  }
}
