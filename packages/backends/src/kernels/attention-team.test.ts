import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import { cpu } from '../cpu.ts'
import { diagnose } from '../doctor.ts'
import { registerGradients } from '../gradients.ts'
import { largestError, numbersOn } from '../on-each-backend.fixture.ts'
import { startBackend } from '../start-backend.ts'
import { webgpu } from '../webgpu.ts'
import { type Attention, expectedOf, inputs } from './attention.fixture.ts'
import { type AttentionProgram, attentionCode } from './attention.wgsl.ts'
import { type Team, teamFor } from './attention-team.ts'
import { attention, attentionGradient } from './attention-webgpu.ts'
import type { WebGpuBackend } from './webgpu-backend.ts'

const noSoftware = useSoftwareGpu()
await registerGradients()
const [graphics] = await diagnose([webgpu()])
if (!graphics) throw new Error('diagnose gives an answer for every driver')

/** Small tiles, since SwiftShader compiles a program the longer the more memory a workgroup has. */
const teams: readonly (Team & Pick<Attention, 'length' | 'width'>)[] = [
  { lanes: 1, rows: 1, threads: 32, tile: 4, length: 37, width: 4 },
  { lanes: 1, rows: 3, threads: 32, tile: 8, length: 101, width: 6 },
  { lanes: 2, rows: 2, threads: 32, tile: 8, length: 35, width: 20 },
  { lanes: 2, rows: 1, threads: 64, tile: 3, length: 34, width: 10 },
  { lanes: 4, rows: 1, threads: 64, tile: 8, length: 18, width: 33 },
  { lanes: 4, rows: 2, threads: 64, tile: 4, length: 33, width: 32 },
  { lanes: 8, rows: 1, threads: 64, tile: 4, length: 21, width: 64 },
  { lanes: 8, rows: 2, threads: 128, tile: 4, length: 39, width: 36 },
  { lanes: 16, rows: 4, threads: 32, tile: 4, length: 9, width: 128 },
  { lanes: 8, rows: 1, threads: 32, tile: 1, length: 7, width: 96 },
]

const suite = graphics.available ? 'teams' : `teams: ${noSoftware ?? graphics.reason}`
describe.skipIf(!graphics.available)(suite, () => {
  test.each(
    teams.map((team) => ({
      ...team,
      title: `${team.lanes} × ${team.rows} of ${team.threads} threads, tiles of ${team.tile}: ${team.length} × ${team.width}`,
    })),
  )('$title', async ({ length, width, lanes, rows, threads, tile }) => {
    const each = { batch: 2, length, heads: 2, width, size: 1, order: 'legacy' } as const
    const team = { lanes, rows, threads, tile }
    await startBackend([cpu()])
    await startBackend([webgpu()])
    const backend = tf.backend() as unknown as WebGpuBackend
    const [y, dqkv] = (await numbersOn('webgpu', () => {
      const { qkv, dy } = inputs(each)
      return [
        tf.engine().makeTensorFromTensorInfo(attention(backend, { qkv }, each, team)),
        tf.engine().makeTensorFromTensorInfo(attentionGradient(backend, { dy, qkv }, each, team)),
      ]
    })) as [Float32Array, Float32Array]
    const [expectedY, expectedDqkv] = await expectedOf(each)
    const scale = Math.max(...expectedDqkv.map(Math.abs))
    expect(largestError(y, expectedY), 'y').toBeLessThan(2e-6)
    expect(largestError(dqkv, expectedDqkv) / scale, 'dqkv').toBeLessThan(2e-6)
  })
})

/** What a program declares in the workgroup's memory, in bytes. */
function declaredBytes(code: string): number {
  const numbers = Object.fromEntries(
    [...code.matchAll(/^const (\w+) = (\d+);$/gm)].map(([, name, value]) => [name, Number(value)]),
  )
  const sizeOf = (type: string): number => {
    const alias = code.match(new RegExp(`^alias ${type} = (.+);$`, 'm'))?.[1]
    if (alias) return sizeOf(alias)
    const [, element, count] = type.match(/^array<(.+), ([^,]+)>$/) ?? []
    if (element && count)
      return count
        .split(' * ')
        .reduce((size, factor) => size * (numbers[factor] ?? Number(factor)), sizeOf(element))
    // three numbers lie as far apart as four
    const [, vector = '1', bits] = type.match(/^(?:vec(\d)<)?f(16|32)>?$/) as RegExpMatchArray
    return ((vector === '3' ? 4 : Number(vector)) * Number(bits)) / 8
  }
  return [...code.matchAll(/^var<workgroup> \w+ : (.+);$/gm)].reduce(
    (sum, [, type]) => sum + sizeOf(type as string),
    0,
  )
}

const programs: AttentionProgram[] = ['forward', 'rows', 'queries', 'keys']

describe('memory of a workgroup', () => {
  test.each([1, 4, 7, 16, 32, 64, 96, 128, 256, 512, 1024])(
    'heads of %i channels need at most what every device lends',
    (width) => {
      for (const program of programs)
        for (const precision of ['float32', 'float16'] as const) {
          const code = attentionCode(program, { width, order: 'new', precision, team: teamFor(width) })
          expect(declaredBytes(code)).toBeGreaterThan(0)
          expect(declaredBytes(code)).toBeLessThanOrEqual(16384)
        }
    },
  )

  test('a tile of 16 keys of 64 channels, one row for each of 8 lanes', () => {
    const team = { lanes: 8, rows: 1, threads: 64, tile: 16 }
    const code = attentionCode('forward', { width: 64, order: 'new', precision: 'float32', team })
    // keys and values, a summand of each thread, a weight of each row
    expect(declaredBytes(code)).toBe(2 * 16 * 64 * 4 + 16 * 64 * 4 + 16 * 8 * 4)
  })

  test('heads that do not fit are an error', () => {
    expect(() =>
      attentionCode('keys', { width: 4096, order: 'new', precision: 'float32', team: teamFor(4096) }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[HeadWidthError: Heads of 4096 channels are too wide for a workgroup of WebGPU.]`,
    )
  })
})

test('lanes are no more than four numbers of a row, and share the threads of a workgroup', () => {
  for (let width = 1; width <= 1024; width++) {
    const team = teamFor(width)
    expect(team.lanes).toBeLessThanOrEqual(Math.ceil(width / 4))
    expect(team.threads % team.lanes).toBe(0)
    expect(Number.isInteger(Math.log2(team.lanes))).toBe(true)
  }
})
