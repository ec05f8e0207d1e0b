import { readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { openWeights, readWeights, toFloat32 } from '@guided-diffusion/checkpoints'
import { expect, test } from 'vitest'
import { failure, program, spawnedProgram, temporaryFolder } from '../../testing/program.ts'

const cwd = await temporaryFolder()
const { resolve } = createRequire(import.meta.url)
const vector = (name: string) => resolve(`@guided-diffusion/tooling/golden/vectors/${name}`)

async function convert(args: readonly string[], run = program) {
  const { code, stdout, stderr } = await run(['convert', ...args], { cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('converting') })
  return stdout.trim()
}

test('a PyTorch file becomes safetensors: every dtype, every number', async () => {
  const args = [vector('checkpoints/ckpt_odd.pt'), '--to', 'odd.safetensors']
  expect(await convert(args, spawnedProgram)).toBe('odd.safetensors')
  const expected = await readWeights(vector('checkpoints/ckpt_odd.pt'))
  const actual = await readWeights(join(cwd, 'odd.safetensors'))
  expect([...actual.tensors.keys()].sort()).toEqual([...expected.tensors.keys()].sort())
  for (const [name, tensor] of expected.tensors) expect(actual.tensors.get(name)).toEqual(tensor)
})

test('in half precision, and only a part', async () => {
  await convert([vector('checkpoint-zip.pt'), '--to', 'half.safetensors', '--dtype', 'float16'])
  const expected = await readWeights(vector('checkpoint-zip.pt'))
  const half = await readWeights(join(cwd, 'half.safetensors'))
  for (const [name, tensor] of expected.tensors) {
    const other = half.tensors.get(name)
    expect(other?.dtype).toBe('float16')
    const [a, b] = [toFloat32(tensor), toFloat32(other as NonNullable<typeof other>)]
    const worst = a.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - (b[i] as number)) - Math.abs(value) * 2 ** -11),
      0,
    )
    expect(worst).toBeLessThanOrEqual(2 ** -25)
  }
  await convert([vector('checkpoints/ckpt_nested.pt'), '--under', 'model', '--to', 'part.safetensors'])
  const part = await openWeights(join(cwd, 'part.safetensors'))
  await part.close()
  const whole = await openWeights(vector('checkpoints/ckpt_nested.pt'), { under: 'model' })
  await whole.close()
  expect([...part.tensors.keys()].sort()).toEqual([...whole.tensors.keys()].sort())
})

test.each([
  [
    `${vector('checkpoint-zip.pt')} --to out.pt`,
    'error: out.pt is no safetensors file. Give --to FILE.safetensors.',
  ],
  ['nothing.pt --to out.safetensors', 'error: nothing.pt cannot be read: there is no such file.'],
  [`${vector('checkpoint-zip.pt')} --under ema --to out.safetensors`, 'has no tensors under "ema", it has: '],
])('%s', async (line, expected) => {
  const before = await readdir(cwd)
  expect(await failure(['convert', ...line.split(' ')], { cwd })).toContain(expected)
  expect(await readdir(cwd)).toEqual(before)
})
