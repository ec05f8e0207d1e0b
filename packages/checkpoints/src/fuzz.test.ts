import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { damaged } from '../fixtures/mutation.ts'
import { fixture } from '../fixtures/read.ts'
import { elementCount, holdsDtype } from './dtype.ts'
import {
  MalformedFileError,
  RefusedGlobalError,
  TooLargeError,
  TruncatedFileError,
  UnknownFormatError,
  UnsupportedFileError,
} from './errors.ts'
import { openWeights } from './open-weights.ts'

/**
 * Damaged files are read, or refused by a named error: never another error, never a wait, never more memory than a
 * file of their size accounts for. More cases, or others:
 *
 *   GUIDED_DIFFUSION_FUZZ_CASES=1000000 GUIDED_DIFFUSION_FUZZ_SEED=7 vitest run src/fuzz.test.ts
 */

const cases = Number(process.env.GUIDED_DIFFUSION_FUZZ_CASES ?? 100_000)
const seed = Number(process.env.GUIDED_DIFFUSION_FUZZ_SEED ?? 1)
const chunk = 10_000

const named = [
  MalformedFileError,
  RefusedGlobalError,
  TooLargeError,
  TruncatedFileError,
  UnknownFormatError,
  UnsupportedFileError,
]

const folder = dirname(
  createRequire(import.meta.url).resolve('@guided-diffusion/tooling/golden/vectors/checkpoint-zip.pt'),
)
const paths = [
  ...['', 'checkpoints'].flatMap((name) =>
    readdirSync(join(folder, name)).map((file) => join(folder, name, file)),
  ),
  ...readdirSync(fixture('.')).map((file) => fixture(file)),
].filter((path) => /\.(pt|npy|npz)$|(ckpt_\w+|numpy|python)\.safetensors$/.test(path))
const files = paths.map((path) => readFileSync(path)).filter(({ length }) => length < 2 ** 20)
/** Small files, in which damage hits something, are taken most often. */
const corpus = [
  ...files,
  ...Array(6)
    .fill(files.filter(({ length }) => length < 9000))
    .flat(),
]

/** Reads all of a file, and tells how it ended. */
async function outcome(file: Uint8Array): Promise<string> {
  try {
    const reader = await openWeights(file)
    for (const name of reader.tensors.keys()) {
      const { dtype, shape, data } = await reader.read(name)
      expect(data.length).toBe(elementCount(shape))
      expect(holdsDtype(data, dtype)).toBe(true)
    }
    JSON.stringify(reader.values, (_, value) => (typeof value === 'bigint' ? String(value) : value))
    await reader.close()
    return 'read'
  } catch (error) {
    const kind = named.find((each) => error instanceof each)
    if (!kind) throw error
    const { message, advice } = error as Error & { advice: string }
    expect(message.length + advice.length).toBeLessThan(20_000)
    return kind.name
  }
}

/**
 * Bytes of arrays that reading may make, garbage included: each tensor once or twice; in an archive what deflate can
 * make of it, and the work space of a dozen inflations.
 */
function allowed(file: Uint8Array): number {
  const isArchive = file[0] === 0x50 && file[1] === 0x4b
  return isArchive
    ? Math.max(4, Math.min(1032, 2 ** 24 / file.length)) * file.length + 2 ** 24
    : 4 * file.length + 2 ** 22
}

describe(`${cases} damaged files, from seed ${seed}`, () => {
  const counts: Record<string, number> = {}

  test.each(Array.from({ length: Math.ceil(cases / chunk) }, (_, i) => i * chunk))(
    'cases from %i on',
    async (first) => {
      for (let number = first; number < Math.min(first + chunk, cases); number++) {
        const file = damaged(corpus, seed * 2 ** 24 + number)
        const before = process.memoryUsage().arrayBuffers
        const began = performance.now()
        const ended = await outcome(file).catch((error: unknown) => {
          throw new Error(`Case ${number} of seed ${seed}: ${error}`, { cause: error })
        })
        counts[ended] = (counts[ended] ?? 0) + 1
        const seconds = (performance.now() - began) / 1000
        const made = process.memoryUsage().arrayBuffers - before
        if (seconds > 5) throw new Error(`Case ${number} of seed ${seed} took ${seconds} s.`)
        if (made > allowed(file)) {
          throw new Error(`Case ${number} of seed ${seed}: ${file.length} bytes made arrays of ${made}.`)
        }
      }
    },
    600_000,
  )

  test('some were read, most were refused in one of these ways', () => {
    const usual = named.filter((kind) => kind !== TooLargeError).map(({ name }) => name)
    expect(Object.keys(counts)).toEqual(expect.arrayContaining(['read', ...usual]))
    expect(Object.values(counts).reduce((a, b) => a + b)).toBe(cases)
    if (process.env.GUIDED_DIFFUSION_FUZZ_CASES) console.log(counts)
  })
})
