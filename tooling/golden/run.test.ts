import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/** The runner as it is used: a program of its own, on the built packages. */
function run(...args: string[]): Promise<{ lines: string[]; errors: string; code: number }> {
  const program = fileURLToPath(new URL('./dist/run.js', import.meta.url))
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : 0
      resolve({ lines: stdout.trimEnd().split('\n'), errors: stderr, code })
    })
  })
}

const vectors = fileURLToPath(new URL('./vectors/', import.meta.url))
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'golden-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const line = (lines: readonly string[], name: string) => lines.find((text) => text.startsWith(`${name} `))

/** The bytes of a vector whose last tensor ends in another number, or with other facts about the case. */
async function altered(name: string, change: { value?: number; facts?: object }): Promise<Buffer> {
  const bytes = await readFile(join(vectors, `${name}.safetensors`))
  const length = Number(bytes.readBigUInt64LE(0))
  if (change.value !== undefined) bytes.writeDoubleLE(change.value, bytes.length - 8)
  if (!change.facts) return bytes
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length))
  header.__metadata__ = { case: JSON.stringify(change.facts) }
  const text = Buffer.from(JSON.stringify(header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([size, text, bytes.subarray(8 + length)])
}

describe('a folder of the form of the vectors', () => {
  test('every light case of the repository passes on cpu and on wasm', async () => {
    const only =
      '^(schedule|respacing|process|loss|likelihoods|bpd|timestep|checkpoint|published|metrics|superres)'
    for (const engine of ['cpu', 'wasm']) {
      const { lines, code } = await run('--engine', engine, '--only', only)
      expect(lines.filter((text) => text.includes('FAILED'))).toEqual([])
      expect(lines.at(-1)).toMatch(/^\d\d passed, 0 failed, 1 skipped$/)
      expect(line(lines, 'metrics')).toMatch(/skipped: FID/)
      expect(line(lines, 'schedule-linear-50')).toMatch(/error \d\.\d\de[-+]\d+ +tolerance 1\.00e-12 +ok/)
      expect(code).toBe(0)
    }
  })

  test('a wrong number, a NaN, an unknown kind or file, a checkpoint without its values: failures, exit code 1', async () => {
    await cp(join(vectors, 'schedule-linear-50.safetensors'), join(folder, 'right.safetensors'))
    await writeFile(join(folder, 'wrong.safetensors'), await altered('schedule-linear-50', { value: 7 }))
    await writeFile(
      join(folder, 'nan.safetensors'),
      await altered('schedule-linear-50', { value: Number.NaN }),
    )
    await writeFile(
      join(folder, 'new.safetensors'),
      await altered('schedule-linear-50', { facts: { what: 1 } }),
    )
    await writeFile(join(folder, 'data.bin'), 'x')
    await writeFile(join(folder, 'README.md'), 'not a case')
    await cp(join(vectors, 'checkpoint-zip.pt'), join(folder, 'checkpoint-zip.pt'))
    const { lines, code } = await run(folder, '--engine', 'cpu')
    expect(line(lines, 'right')).toMatch(/ok$/)
    expect(line(lines, 'wrong')).toMatch(/FAILED: sqrt_recipm1_alphas_cumprod$/)
    expect(line(lines, 'nan')).toMatch(/error infinite.*FAILED/)
    expect(line(lines, 'new')).toMatch(/FAILED: a case of unknown kind$/)
    expect(line(lines, 'data.bin')).toMatch(/FAILED: a file of unknown kind$/)
    expect(line(lines, 'checkpoint-zip.pt')).toMatch(/FAILED: no file tells the expected tensors$/)
    expect(lines.at(-1)).toBe('1 passed, 5 failed, 0 skipped')
    expect(code).toBe(1)
  })

  test('a checkpoint with another value, dtype or plain value is a failure', async () => {
    const name = 'ckpt_nested'
    const inner = join(folder, 'inner')
    await cp(join(vectors, 'checkpoints'), inner, {
      recursive: true,
      filter: (path) => !/ckpt_(?!nested)/.test(path),
    })
    expect((await run(inner, '--engine', 'cpu')).lines.at(-1)).toBe('1 passed, 0 failed, 0 skipped')
    const about = JSON.parse(await readFile(join(inner, `${name}.json`), 'utf8'))
    about.original_dtypes.i64 = 'int32'
    about.plain_values.step = 1235
    await writeFile(join(inner, `${name}.json`), JSON.stringify(about))
    const { lines } = await run(inner, '--engine', 'cpu')
    expect(line(lines, `${name}.pt`)).toMatch(/FAILED: the value step differs; i64 is int64, expected int32$/)
  })
})

describe('the command', () => {
  test('fails when no case matches, or when there is no such folder or engine', async () => {
    expect((await run('--engine', 'cpu', '--only', 'nothing')).lines.at(-1)).toBe(
      '0 passed, 1 failed, 0 skipped',
    )
    const missing = await run(join(folder, 'missing'))
    expect(missing.errors).toContain('there is no folder')
    expect(missing.code).toBe(1)
    const unknown = await run('--engine', 'abacus')
    expect(unknown.errors).toContain('there is no engine abacus')
    expect(unknown.code).toBe(1)
  })
})
