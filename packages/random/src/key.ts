import { RandomRangeError } from './errors.ts'

/**
 * Names one sequence of random numbers. Equal keys give equal numbers, on every machine and in every order of
 * asking; keys that differ anywhere give independent ones.
 */
export interface RandomKey {
  /** What the user chooses: an integer in `[0, 2⁵³)`. */
  readonly seed: number
  /** What the numbers are for, so that two purposes never share numbers: an integer in `[0, 2³²)`. @default 0 */
  readonly stream?: number
  /** Which one of many: a sample, a step, an epoch. An integer in `[0, 2⁵³)`. @default 0 */
  readonly index?: number
}

/**
 * The stream of a name: its 32-bit FNV-1a hash. Names spare packages that know nothing of each other a common
 * table of numbers.
 *
 * @example
 * const initialNoise = { seed: 5, stream: streamOf('initial noise'), index: sample }
 */
export function streamOf(name: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

export interface KeyWords {
  readonly seedLow: number
  readonly seedHigh: number
  readonly stream: number
  readonly indexLow: number
  readonly indexHigh: number
}

/** The key as 32-bit words, checked. Seed and index leave 11 bits of their high words free. */
export function keyWords({ seed, stream = 0, index = 0 }: RandomKey): KeyWords {
  requireInteger('seed', seed, 0, Number.MAX_SAFE_INTEGER, 'Take any whole number from 0 on as seed.')
  requireInteger('stream', stream, 0, 2 ** 32 - 1, 'Number your streams, or name them with streamOf.')
  requireInteger('index', index, 0, Number.MAX_SAFE_INTEGER, 'Count from 0.')
  return {
    seedLow: seed >>> 0,
    seedHigh: Math.floor(seed / 2 ** 32),
    stream,
    indexLow: index >>> 0,
    indexHigh: Math.floor(index / 2 ** 32),
  }
}

/** @throws {RandomRangeError} unless `value` is an integer in `[least, most]`. */
export function requireInteger(
  parameter: string,
  value: number,
  least: number,
  most: number,
  advice: string,
): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new RandomRangeError({ parameter, value, expected: `an integer in [${least}, ${most}]`, advice })
}
