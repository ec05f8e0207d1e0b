import {
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleObject,
  PickleProblem,
  PickleTuple,
  type PickleValue,
} from './pickle-values.ts'
import { quoted } from './quoted-name.ts'
import { TorchTensor } from './torch-tensor.ts'
import type { PlainRecord, PlainValue } from './weights.ts'

const maxDepth = 100
/** Names of parameters have tens of characters. */
const longestName = 4096

/** The content of a file: tensors under their paths, `model.out.0.weight`, and the plain values beside them. */
export interface TorchTree {
  readonly tensors: ReadonlyMap<string, TorchTensor>
  readonly values: PlainRecord
}

/**
 * Finds all tensors of nested dictionaries, lists and tuples. A pickle of a few bytes can hold itself, or one list
 * a thousand times; what is named here therefore has to stay in proportion to `pickleBytes`.
 */
export function torchTree(root: PickleValue, pickleBytes: number): TorchTree {
  const walk = new TreeWalk(pickleBytes)
  const value = walk.visit(root, root instanceof PickleObject ? 'tensor' : '', 0)
  return { tensors: walk.tensors, values: isRecord(value) ? value : record([['value', value]]) }
}

/** Stands in a tree of plain values for a tensor that was there. */
const tensorHere = Symbol('tensor')
type Visited = PlainValue | typeof tensorHere

class TreeWalk {
  readonly tensors = new Map<string, TorchTensor>()
  /** Containers without any tensor, which need not be visited again, and how many values they hold in all. */
  readonly #plain = new Map<PickleValue, { readonly content: PlainValue; readonly weight: number }>()
  readonly #open = new Set<PickleValue>()
  #visits: number
  #characters: number

  constructor(pickleBytes: number) {
    this.#visits = pickleBytes
    this.#characters = 4 * pickleBytes + 2 ** 16
  }

  visit(value: PickleValue, path: string, depth: number): Visited {
    if (value instanceof PickleGlobal) return value.name
    if (value instanceof PickleObject) return this.#object(value, path)
    const isList = value instanceof PickleList || value instanceof PickleTuple
    if (!isList && !(value instanceof PickleDict)) return value
    const known = this.#plain.get(value)
    if (known) {
      this.#count(known.weight)
      return known.content
    }
    if (this.#open.has(value)) throw new PickleProblem('it holds a value inside itself')
    if (depth === maxDepth) throw new PickleProblem(`it is nested deeper than ${maxDepth} levels`)
    this.#open.add(value)
    const [before, left] = [this.tensors.size, this.#visits]
    this.#count(isList ? value.items.length : value.size)
    const content = isList ? this.#list(value.items, path, depth) : this.#dict(value, path, depth)
    this.#open.delete(value)
    if (this.tensors.size === before)
      this.#plain.set(value, { content: content as PlainValue, weight: left - this.#visits })
    return content
  }

  #count(values: number): void {
    this.#visits -= values
    if (this.#visits < 0) throw new PickleProblem('it repeats its values out of proportion to its size')
  }

  #object({ content }: PickleObject, path: string): Visited {
    if (!(content instanceof TorchTensor)) return '(object)'
    if (this.tensors.has(path)) throw new PickleProblem(`two of its tensors are called ${quoted(path)}`)
    this.#characters -= path.length
    if (this.#characters < 0) throw new PickleProblem('its names are out of proportion to its size')
    this.tensors.set(path, content)
    return tensorHere
  }

  #list(items: readonly PickleValue[], path: string, depth: number): PlainValue {
    const visited = items.map((item, index) => this.visit(item, join(path, String(index)), depth + 1))
    if (!visited.includes(tensorHere)) return visited as PlainValue[]
    return record(visited.map((item, index) => [String(index), item] as const))
  }

  #dict(dict: PickleDict, path: string, depth: number): PlainValue {
    const content: [string, Visited][] = []
    for (const [key, item] of dict.entries()) {
      const name = keyText(key)
      content.push([name, this.visit(item, join(path, name), depth + 1)])
    }
    return record(content)
  }
}

/** A record without a prototype, so that no key of a file can mean anything else, and without the tensors. */
function record(content: Iterable<readonly [string, Visited]>): PlainRecord {
  const result: Record<string, PlainValue> = Object.create(null)
  for (const [key, value] of content) if (value !== tensorHere) result[key] = value
  return result
}

function isRecord(value: Visited): value is PlainRecord {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null
}

function join(path: string, key: string): string {
  if (path.length + key.length > longestName) {
    throw new PickleProblem(`a name in it is longer than ${longestName} characters`)
  }
  return path === '' ? key : `${path}.${key}`
}

function keyText(key: PickleValue): string {
  if (!(key instanceof PickleTuple)) return shallowText(key)
  const parts = key.items.slice(0, 8).map((item) => shallowText(item).slice(0, 100))
  return `(${parts.join(', ')})`
}

function shallowText(key: PickleValue): string {
  if (typeof key === 'string') {
    if (key.length > longestName) throw new PickleProblem(`a key in it has ${key.length} characters`)
    return key
  }
  if (key instanceof PickleGlobal) return key.name
  return typeof key === 'object' && key !== null ? '(object)' : String(key)
}
