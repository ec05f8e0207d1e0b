import { PickleProblem, type PickleValue } from './pickle-values.ts'

/** Values that one pickle may make, and the deepest stack: more than any real file, less than a machine's memory. */
export const maxValues = 2 ** 20

/** The stack of the pickle machine. Nothing below the last mark can be taken. */
export class PickleStack {
  readonly #values: PickleValue[] = []
  readonly #marks: number[] = []

  get isEmpty(): boolean {
    return this.#values.length === 0 && this.#marks.length === 0
  }

  push(value: PickleValue): void {
    if (this.#values.length >= maxValues)
      throw new PickleProblem(`its stack is deeper than ${maxValues} values`)
    this.#values.push(value)
  }

  mark(): void {
    if (this.#marks.length >= maxValues) throw new PickleProblem(`it sets more than ${maxValues} marks`)
    this.#marks.push(this.#values.length)
  }

  #need(count: number): void {
    if (this.#values.length - count < (this.#marks.at(-1) ?? 0)) {
      throw new PickleProblem('it takes a value that is not there')
    }
  }

  top(): PickleValue {
    this.#need(1)
    return this.#values.at(-1) as PickleValue
  }

  pop(): PickleValue {
    this.#need(1)
    return this.#values.pop() as PickleValue
  }

  popMany(count: number): PickleValue[] {
    this.#need(count)
    return this.#values.splice(this.#values.length - count)
  }

  popToMark(): PickleValue[] {
    const mark = this.#marks.pop()
    if (mark === undefined) throw new PickleProblem('it goes back to a mark that is not there')
    return this.#values.splice(mark)
  }

  /** Drops the mark if it is on top, else the value. */
  popMarkOrValue(): void {
    if (this.#marks.at(-1) === this.#values.length) this.#marks.pop()
    else this.pop()
  }
}
