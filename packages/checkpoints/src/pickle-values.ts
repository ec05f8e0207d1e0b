/** What a pickle can hold, as data. Lists and tuples are apart, since only lists can grow. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleList
  | PickleTuple
  | PickleDict
  | PickleGlobal
  | PickleObject

export class PickleList {
  readonly items: PickleValue[] = []
}

export class PickleTuple {
  readonly items: readonly PickleValue[]

  constructor(items: readonly PickleValue[]) {
    this.items = items
  }
}

export class PickleDict {
  #entries: Map<PickleValue, PickleValue> | undefined

  set(key: PickleValue, value: PickleValue): void {
    // A map per empty dictionary would let a one-byte opcode cost hundreds of bytes.
    this.#entries ??= new Map()
    this.#entries.set(key, value)
  }

  get(key: PickleValue): PickleValue | undefined {
    return this.#entries?.get(key)
  }

  entries(): Iterable<[PickleValue, PickleValue]> {
    return this.#entries ?? []
  }

  get size(): number {
    return this.#entries?.size ?? 0
  }
}

/** A name that a pickle refers to: `module.name`. It is only ever compared with a list, never looked up. */
export class PickleGlobal {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

/** The data that a permitted name made of its arguments: a storage, a tensor. */
export class PickleObject {
  readonly content: unknown

  constructor(content: unknown) {
    this.content = content
  }
}

/** Stands for whatever a refused name would have made; nothing is ever read from it. */
export const refusedValue = new PickleObject('refused')

/**
 * What a reader of pickles knows. Nothing else has a meaning: a name without an entry is refused.
 */
export interface PickleVocabulary {
  /**
   * Permitted names. A function makes data of the arguments that the pickle gives to the name; `null` marks a name
   * that may be mentioned but not called.
   */
  readonly names: ReadonlyMap<string, ((args: readonly PickleValue[]) => PickleValue) | null>
  /** Makes data of a reference to something outside the pickle. */
  readonly persistent: (id: PickleValue) => PickleValue
  /** Takes the state that a pickle gives to an object after making it; throws PickleProblem where there is none. */
  readonly build: (object: PickleObject, state: PickleValue) => void
}

/** A pickle breaks a rule. Internal: readers turn it into a MalformedFileError with the file's name. */
export class PickleProblem extends Error {
  override readonly name = 'PickleProblem'
}

/** A pickle goes on behind the end of the bytes that are there. Internal, as PickleProblem. */
export class PickleEnd extends PickleProblem {}

/** A pickle mentions names that the vocabulary does not have. Internal, as PickleProblem. */
export class PickleRefusal extends Error {
  override readonly name = 'PickleRefusal'
  readonly globals: readonly string[]

  constructor(globals: readonly string[]) {
    super(globals.join(', '))
    this.globals = globals
  }
}

/** What a value is, for messages. */
export function describe(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'None'
  if (value instanceof PickleGlobal) return value.name
  if (value instanceof PickleList) return 'a list'
  if (value instanceof PickleTuple) return 'a tuple'
  if (value instanceof PickleDict) return 'a dictionary'
  if (value instanceof PickleObject) return 'an object'
  if (value instanceof Uint8Array) return 'bytes'
  return typeof value === 'string' ? 'a text' : String(value).slice(0, 40)
}
