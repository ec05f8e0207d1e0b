import type { PickleBudget } from './pickle-budget.ts'
import type { PickleStack } from './pickle-stack.ts'
import {
  describe,
  PickleDict,
  PickleList,
  PickleProblem,
  PickleTuple,
  type PickleValue,
  refusedValue,
} from './pickle-values.ts'

const emptyTuple = new PickleTuple([])

/**
 * Runs an opcode of lists, tuples, dictionaries, sets (which become lists) and the marks that gather their items; tells
 * whether it is one.
 */
export function runContainer(opcode: number, stack: PickleStack, budget: PickleBudget): boolean {
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
      stack.push(budget.counted(new PickleList()))
      return true
    case 0x61: // APPEND
      append(stack, [stack.pop()])
      return true
    case 0x65: // APPENDS
    case 0x90: // ADDITEMS
      append(stack, stack.popToMark())
      return true
    case 0x6c: // LIST
    case 0x91: {
      // FROZENSET
      const items = stack.popToMark()
      stack.push(budget.counted(new PickleList()))
      append(stack, items)
      return true
    }
    case 0x29: // EMPTY_TUPLE
      stack.push(emptyTuple)
      return true
    case 0x85: // TUPLE1
    case 0x86: // TUPLE2
    case 0x87: // TUPLE3
      stack.push(budget.counted(new PickleTuple(stack.popMany(opcode - 0x84))))
      return true
    case 0x74: // TUPLE
      stack.push(budget.counted(new PickleTuple(stack.popToMark())))
      return true
    case 0x7d: // EMPTY_DICT
      stack.push(budget.counted(new PickleDict()))
      return true
    case 0x73: // SETITEM
      setItems(stack, budget, stack.popMany(2))
      return true
    case 0x75: // SETITEMS
      setItems(stack, budget, stack.popToMark())
      return true
    case 0x64: {
      // DICT
      const items = stack.popToMark()
      stack.push(budget.counted(new PickleDict()))
      setItems(stack, budget, items)
      return true
    }
    default:
      return false
  }
}

function append(stack: PickleStack, items: readonly PickleValue[]): void {
  const list = stack.top()
  if (list === refusedValue) return
  if (!(list instanceof PickleList)) throw new PickleProblem(`it appends to ${describe(list)}`)
  for (const item of items) list.items.push(item)
}

function setItems(stack: PickleStack, budget: PickleBudget, items: readonly PickleValue[]): void {
  const dict = stack.top()
  if (dict === refusedValue) return
  if (!(dict instanceof PickleDict)) throw new PickleProblem(`it sets items of ${describe(dict)}`)
  if (items.length % 2 !== 0) throw new PickleProblem('it sets a key without a value')
  for (let i = 0; i < items.length; i += 2) {
    budget.counted(dict).set(items[i] as PickleValue, items[i + 1] as PickleValue)
  }
}
