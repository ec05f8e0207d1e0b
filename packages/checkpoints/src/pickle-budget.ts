import { maxValues } from './pickle-stack.ts'
import { PickleDict, PickleList, PickleProblem, PickleTuple, type PickleValue } from './pickle-values.ts'

/** What one pickle may still make: values, entries of dictionaries, and the work of calls. */
export class PickleBudget {
  #made = 0

  /** The value, which counts as one. */
  counted<T>(value: T): T {
    this.#spend(1)
    return value
  }

  /** A pickle can hand the same long list or text to a name many times, at two bytes a time: it counts each time. */
  spendOnCall(args: readonly PickleValue[]): void {
    this.#spend(1 + args.reduce<number>((sum, argument) => sum + weight(argument), args.length))
  }

  #spend(values: number): void {
    this.#made += values
    if (this.#made > maxValues) throw new PickleProblem(`it makes more than ${maxValues} values`)
  }
}

function weight(argument: PickleValue): number {
  if (argument instanceof PickleList || argument instanceof PickleTuple) return argument.items.length
  if (argument instanceof PickleDict) return argument.size
  return typeof argument === 'string' ? Math.ceil(argument.length / 8) : 0
}
