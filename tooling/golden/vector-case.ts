import * as tf from '@tensorflow/tfjs-core'
import type { Run } from './computing.ts'
import type { Kind, Outcome } from './kind.ts'
import { kinds } from './kinds/index.ts'
import { notCompared, type Result } from './result.ts'
import { type GoldenCase, goldenError, readGolden } from './vector.ts'

/** Kinds that no package computes yet. */
const waiting: readonly { matches(golden: GoldenCase): boolean; reason: string }[] = [
  {
    matches: ({ case: facts }) => 'fid' in facts,
    reason: 'FID, Inception Score, precision and recall belong to a package that does not exist yet',
  },
]

/** Computes the case of a `.safetensors` file and compares every expected tensor. */
export async function runVector(name: string, bytes: Uint8Array, run: Run): Promise<Result> {
  const golden = readGolden(name, bytes)
  const kind = kinds.find((candidate) => candidate.matches(golden))
  if (!kind) {
    const reason = waiting.find((candidate) => candidate.matches(golden))?.reason
    return reason ? notCompared('skipped', reason) : notCompared('failed', 'a case of unknown kind')
  }
  // cases run one after another: what one leaves behind is freed with its scope
  tf.engine().startScope()
  try {
    return compare(kind, golden, await kind.compute(golden, run))
  } finally {
    tf.engine().endScope()
  }
}

function compare(kind: Kind, golden: GoldenCase, { tensors, faults = [] }: Outcome): Result {
  const tolerance = Number(golden.case.tolerance ?? kind.tolerance ?? golden.tolerance)
  const expected = [...golden.tensors].filter(([key]) => !kind.isInput(key))
  const errors = expected.map(([key, { data }]) => {
    const actual = tensors[key]
    const error = actual
      ? goldenError(actual, Array.from(data as ArrayLike<number | bigint>, Number))
      : Infinity
    return { key, error: Number.isNaN(error) ? Infinity : error }
  })
  const compared = errors.length > 0 || (kind.name === 'respacing' && Array.isArray(golden.case.cases))
  const wrong = errors.filter(({ error }) => !(error <= tolerance)).map(({ key }) => key)
  const notes = [...(wrong.length > 0 ? [wrong.join(', ')] : []), ...faults]
  if (!compared) notes.push('nothing is expected')
  const error = Math.max(0, ...errors.map((entry) => entry.error))
  return notes.length > 0
    ? { status: 'failed', error, tolerance, note: notes.join('; ') }
    : { status: 'passed', error, tolerance }
}
