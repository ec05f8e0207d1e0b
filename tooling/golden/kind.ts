import type { Run } from './computing.ts'
import type { GoldenCase } from './vector.ts'

/** Values of a tensor in the layout of its file. */
export type Values = ArrayLike<number>

/** What our packages make of a case. */
export interface Outcome {
  /** Under the names that the case has for them. */
  readonly tensors: Readonly<Record<string, Values>>
  /** What is wrong beside the tensors, in words. */
  readonly faults?: readonly string[]
}

/** A kind of golden vector: how to know one, and how to compute it with our packages. */
export interface Kind {
  readonly name: string
  matches(golden: GoldenCase): boolean
  /** Tensors that are given. All others are expected, and must be among the outcome's. */
  isInput(key: string): boolean
  /** Used where a case states none. */
  readonly tolerance?: number
  /** @param run computes functions of tensors on the engine: eagerly, or as a graph. */
  compute(golden: GoldenCase, run: Run): Outcome | Promise<Outcome>
}
