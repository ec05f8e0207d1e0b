import { PickleBytes } from './pickle-bytes.ts'
import { readLiteral } from './pickle-literals.ts'
import { maxValues, PickleStack } from './pickle-stack.ts'
import {
  describe,
  PickleDict,
  PickleEnd,
  PickleGlobal,
  PickleList,
  PickleObject,
  PickleProblem,
  PickleRefusal,
  PickleTuple,
  type PickleValue,
  type PickleVocabulary,
} from './pickle-values.ts'

/**
 * Python's pickle is a program for a stack machine, and its original reader runs whatever functions the program
 * names. This one builds lists, dictionaries, numbers and texts; a name can only become data by the vocabulary it
 * is given. Unknown names are gathered, so that one error tells them all, and then refused.
 */

/** Runs one pickle from `start`; `end` is the byte after it. */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  vocabulary: PickleVocabulary,
): { value: PickleValue; end: number } {
  return new PickleMachine(new PickleBytes(bytes, start), vocabulary).run()
}

const stop = 0x2e

/** Stands for whatever a refused name would have made; nothing is ever read from it. */
const refusedValue = new PickleObject('refused')
const emptyTuple = new PickleTuple([])

class PickleMachine {
  readonly #input: PickleBytes
  readonly #vocabulary: PickleVocabulary
  readonly #stack = new PickleStack()
  readonly #memo = new Map<number, PickleValue>()
  readonly #refused = new Set<string>()
  #made = 0

  constructor(input: PickleBytes, vocabulary: PickleVocabulary) {
    this.#input = input
    this.#vocabulary = vocabulary
  }

  run(): { value: PickleValue; end: number } {
    try {
      for (let opcode = this.#input.uint8(); opcode !== stop; opcode = this.#input.uint8()) this.#step(opcode)
      const value = this.#stack.pop()
      if (!this.#stack.isEmpty) throw new PickleProblem('it leaves values behind')
      if (this.#refused.size > 0) throw new PickleRefusal([...this.#refused])
      return { value, end: this.#input.at }
    } catch (error) {
      // What a refused name left undone can break what follows; the refusal is the cause.
      const isBroken = error instanceof PickleProblem && !(error instanceof PickleEnd)
      if (isBroken && this.#refused.size > 0) throw new PickleRefusal([...this.#refused])
      throw error
    }
  }

  #step(opcode: number): void {
    const literal = readLiteral(opcode, this.#input)
    if (literal !== undefined)
      this.#stack.push(literal instanceof Uint8Array ? this.#counted(literal) : literal)
    else if (!this.#container(opcode) && !this.#memory(opcode) && !this.#naming(opcode)) {
      throw new PickleProblem(
        `byte ${this.#input.at - 1} is 0x${opcode.toString(16).padStart(2, '0')}, which is no permitted opcode`,
      )
    }
  }

  /** Lists, tuples, dictionaries and the marks that gather their items. */
  #container(opcode: number): boolean {
    const stack = this.#stack
    switch (opcode) {
      case 0x28: // MARK
        stack.mark()
        return true
      case 0x30: // POP
        stack.popMarkOrValue()
        return true
      case 0x31: // POP_MARK
        stack.popToMark()
        return true
      case 0x32: // DUP
        stack.push(stack.top())
        return true
      case 0x5d: // EMPTY_LIST
      case 0x8f: // EMPTY_SET
        stack.push(this.#counted(new PickleList()))
        return true
      case 0x61: // APPEND
        this.#append([stack.pop()])
        return true
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        this.#append(stack.popToMark())
        return true
      case 0x6c: // LIST
      case 0x91: // FROZENSET
        this.#grow(new PickleList(), (items) => this.#append(items))
        return true
      case 0x29: // EMPTY_TUPLE
        stack.push(emptyTuple)
        return true
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        stack.push(this.#counted(new PickleTuple(stack.popMany(opcode - 0x84))))
        return true
      case 0x74: // TUPLE
        stack.push(this.#counted(new PickleTuple(stack.popToMark())))
        return true
      case 0x7d: // EMPTY_DICT
        stack.push(this.#counted(new PickleDict()))
        return true
      case 0x73: // SETITEM
        this.#setItems(stack.popMany(2))
        return true
      case 0x75: // SETITEMS
        this.#setItems(stack.popToMark())
        return true
      case 0x64: // DICT
        this.#grow(new PickleDict(), (items) => this.#setItems(items))
        return true
      default:
        return false
    }
  }

  /** Values put aside and taken up again; and the two hints at the start. */
  #memory(opcode: number): boolean {
    const input = this.#input
    switch (opcode) {
      case 0x80: {
        // PROTO
        const version = input.uint8()
        if (version > 5) throw new PickleProblem(`its protocol is ${version}, the newest is 5`)
        return true
      }
      case 0x95: // FRAME
        input.length64()
        return true
      case 0x71: // BINPUT
        this.#remember(input.uint8())
        return true
      case 0x72: // LONG_BINPUT
        this.#remember(input.uint32())
        return true
      case 0x70: // PUT
        this.#remember(Number(input.decimal()))
        return true
      case 0x94: // MEMOIZE
        this.#remember(this.#memo.size)
        return true
      case 0x68: // BINGET
        this.#recall(input.uint8())
        return true
      case 0x6a: // LONG_BINGET
        this.#recall(input.uint32())
        return true
      case 0x67: // GET
        this.#recall(Number(input.decimal()))
        return true
      default:
        return false
    }
  }

  /** Names and what is made by them. Every way that pickle has of calling something ends in `#call`. */
  #naming(opcode: number): boolean {
    const input = this.#input
    const stack = this.#stack
    switch (opcode) {
      case 0x63: // GLOBAL
        stack.push(this.#global(input.line(), input.line()))
        return true
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = stack.popMany(2)
        if (typeof module !== 'string' || typeof name !== 'string')
          throw new PickleProblem('a name is no text')
        stack.push(this.#global(module, name))
        return true
      }
      case 0x69: // INST
        stack.push(this.#call(this.#global(input.line(), input.line()), stack.popToMark()))
        return true
      case 0x6f: {
        // OBJ
        const [callee = null, ...args] = stack.popToMark()
        stack.push(this.#call(callee, args))
        return true
      }
      case 0x82: // EXT1
        stack.push(this.#global('copyreg.extension', String(input.uint8())))
        return true
      case 0x83: // EXT2
        stack.push(this.#global('copyreg.extension', String(input.uint16())))
        return true
      case 0x84: // EXT4
        stack.push(this.#global('copyreg.extension', String(input.uint32())))
        return true
      case 0x52: // REDUCE
      case 0x81: // NEWOBJ
        this.#callWithTuple()
        return true
      case 0x92: {
        // NEWOBJ_EX
        const named = stack.pop()
        if (!(named instanceof PickleDict)) throw new PickleProblem('named arguments are no dictionary')
        if (named.size > 0) throw new PickleProblem('it gives named arguments, which nothing permitted takes')
        this.#callWithTuple()
        return true
      }
      case 0x62: // BUILD
        this.#build(stack.pop())
        return true
      case 0x51: // BINPERSID
        stack.push(this.#counted(this.#vocabulary.persistent(stack.pop())))
        return true
      case 0x50: // PERSID
        stack.push(this.#counted(this.#vocabulary.persistent(input.line())))
        return true
      default:
        return false
    }
  }

  #counted<T>(value: T): T {
    this.#spend(1)
    return value
  }

  #spend(values: number): void {
    this.#made += values
    if (this.#made > maxValues) throw new PickleProblem(`it makes more than ${maxValues} values`)
  }

  #grow(container: PickleList | PickleDict, fill: (items: readonly PickleValue[]) => void): void {
    const items = this.#stack.popToMark()
    this.#stack.push(this.#counted(container))
    fill(items)
  }

  #append(items: readonly PickleValue[]): void {
    const list = this.#stack.top()
    if (list === refusedValue) return
    if (!(list instanceof PickleList)) throw new PickleProblem(`it appends to ${describe(list)}`)
    for (const item of items) list.items.push(item)
  }

  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#stack.top()
    if (dict === refusedValue) return
    if (!(dict instanceof PickleDict)) throw new PickleProblem(`it sets items of ${describe(dict)}`)
    if (items.length % 2 !== 0) throw new PickleProblem('it sets a key without a value')
    for (let i = 0; i < items.length; i += 2) {
      this.#counted(dict).set(items[i] as PickleValue, items[i + 1] as PickleValue)
    }
  }

  #remember(index: number): void {
    if (this.#memo.size >= maxValues) throw new PickleProblem(`it remembers more than ${maxValues} values`)
    this.#memo.set(index, this.#stack.top())
  }

  #recall(index: number): void {
    const value = this.#memo.get(index)
    if (value === undefined) throw new PickleProblem(`it recalls value ${index}, which it did not remember`)
    this.#stack.push(value)
  }

  #global(module: string, name: string): PickleValue {
    const global = new PickleGlobal(`${module}.${name}`)
    return this.#vocabulary.names.has(global.name) ? this.#counted(global) : this.#refuse(global.name)
  }

  #refuse(name: string): PickleValue {
    if (this.#refused.size < 100) this.#refused.add(name.slice(0, 200))
    return refusedValue
  }

  #callWithTuple(): void {
    const args = this.#stack.pop()
    const callee = this.#stack.pop()
    if (callee !== refusedValue && !(args instanceof PickleTuple)) {
      throw new PickleProblem('the arguments of a name are no tuple')
    }
    this.#stack.push(this.#call(callee, args instanceof PickleTuple ? args.items : []))
  }

  #call(callee: PickleValue, args: readonly PickleValue[]): PickleValue {
    if (callee === refusedValue) return refusedValue
    if (!(callee instanceof PickleGlobal)) throw new PickleProblem(`it calls ${describe(callee)}`)
    const make = this.#vocabulary.names.get(callee.name)
    if (!make) return this.#refuse(callee.name)
    this.#spend(1 + args.reduce<number>((sum, argument) => sum + weight(argument), args.length))
    return make(args)
  }

  #build(state: PickleValue): void {
    const object = this.#stack.top()
    // Attributes of a dictionary (the `_metadata` of a state dict) hold nothing that is wanted here.
    if (object === refusedValue || object instanceof PickleDict) return
    if (!(object instanceof PickleObject)) throw new PickleProblem(`it gives a state to ${describe(object)}`)
    this.#vocabulary.build(object, state)
  }
}

/**
 * What an argument adds to the work of a call, in values: a pickle can hand the same long list or text to a name
 * many times, at two bytes a time.
 */
function weight(argument: PickleValue): number {
  if (argument instanceof PickleList || argument instanceof PickleTuple) return argument.items.length
  if (argument instanceof PickleDict) return argument.size
  return typeof argument === 'string' ? Math.ceil(argument.length / 8) : 0
}
