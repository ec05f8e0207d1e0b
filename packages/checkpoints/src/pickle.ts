import { PickleBudget } from './pickle-budget.ts'
import { PickleBytes } from './pickle-bytes.ts'
import { runContainer } from './pickle-containers.ts'
import { readLiteral } from './pickle-literals.ts'
import { maxValues, PickleStack } from './pickle-stack.ts'
import {
  describe,
  PickleDict,
  PickleEnd,
  PickleGlobal,
  PickleObject,
  PickleProblem,
  PickleRefusal,
  PickleTuple,
  type PickleValue,
  type PickleVocabulary,
  refusedValue,
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

class PickleMachine {
  readonly #input: PickleBytes
  readonly #vocabulary: PickleVocabulary
  readonly #stack = new PickleStack()
  readonly #memo = new Map<number, PickleValue>()
  readonly #refused = new Set<string>()
  readonly #budget = new PickleBudget()

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
      this.#stack.push(literal instanceof Uint8Array ? this.#budget.counted(literal) : literal)
    else if (
      !runContainer(opcode, this.#stack, this.#budget) &&
      !this.#memory(opcode) &&
      !this.#naming(opcode)
    ) {
      throw new PickleProblem(
        `byte ${this.#input.at - 1} is 0x${opcode.toString(16).padStart(2, '0')}, which is no permitted opcode`,
      )
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
        stack.push(this.#budget.counted(this.#vocabulary.persistent(stack.pop())))
        return true
      case 0x50: // PERSID
        stack.push(this.#budget.counted(this.#vocabulary.persistent(input.line())))
        return true
      default:
        return false
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
    return this.#vocabulary.names.has(global.name) ? this.#budget.counted(global) : this.#refuse(global.name)
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
    this.#budget.spendOnCall(args)
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
