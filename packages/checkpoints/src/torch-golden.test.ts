import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { toFloat32 } from './convert.ts'
import { bytesOf } from './dtype.ts'
import { openWeights } from './open-weights.ts'
import { readWeights } from './read-weights.ts'
import { readSafetensors } from './safetensors-read.ts'

/** Files written by PyTorch, and what PyTorch reads from them: equal to the last bit. */

const { resolve } = createRequire(import.meta.url)
const vector = (name: string) => resolve(`@guided-diffusion/tooling/golden/vectors/${name}`)

interface Case {
  readonly original_dtypes: Readonly<Record<string, string>>
  readonly plain_values?: unknown
  readonly param_groups?: unknown
  readonly info: { readonly legacy: boolean }
}

function expectSameBits(name: string, actual: ArrayBufferView, expected: ArrayBufferView | undefined): void {
  expect(expected?.constructor, name).toBe(actual.constructor)
  expect(Buffer.compare(bytesOf(actual), bytesOf(expected as ArrayBufferView)), name).toBe(0)
}

test.each([
  ['checkpoint-zip.pt', 'checkpoint-expected.safetensors'],
  ['checkpoint-legacy.pt', 'checkpoint-expected.safetensors'],
  ['checkpoint-half.pt', 'checkpoint-expected-half.safetensors'],
])('%s holds exactly the tensors of %s', async (file, expectedFile) => {
  const { tensors } = await readWeights(vector(file))
  const expected = readSafetensors(readFileSync(vector(expectedFile)))
  expect([...tensors.keys()].sort()).toEqual([...expected.tensors.keys()].sort())
  for (const [name, tensor] of tensors) {
    expect(tensor.shape, name).toEqual(expected.tensors.get(name)?.shape)
    expectSameBits(name, toFloat32(tensor), expected.tensors.get(name)?.data)
  }
})

test.each([
  'ckpt_legacy',
  'ckpt_nested',
  'ckpt_odd',
  'ckpt_odd_legacy',
  'ckpt_optimizer',
  'ckpt_train_fp16',
  'ckpt_train_fp16_legacy',
  'ckpt_train_fp32',
  'ckpt_zip',
  'ckpt_zip_buffer',
  'ckpt_zip_half',
])('%s.pt holds exactly the dtypes, shapes, numbers and plain values that it was made of', async (name) => {
  const about: Case = JSON.parse(readFileSync(vector(`checkpoints/${name}.json`), 'utf8'))
  const expected = readSafetensors(readFileSync(vector(`checkpoints/${name}.safetensors`)))
  const under = name === 'ckpt_nested' ? 'model' : undefined
  const reader = await openWeights(vector(`checkpoints/${name}.pt`), { under })
  expect(reader.format).toBe(about.info.legacy ? 'torch-legacy' : 'torch-zip')
  const dtypes = [...reader.tensors].map(([key, { dtype }]) => [key, dtype])
  expect(Object.fromEntries(dtypes)).toEqual(about.original_dtypes)
  for (const key of reader.tensors.keys()) {
    const tensor = await reader.read(key)
    const wanted = expected.tensors.get(key)
    expect(tensor.shape, key).toEqual(wanted?.shape)
    expectSameBits(key, tensor.dtype === 'bfloat16' ? toFloat32(tensor) : tensor.data, wanted?.data)
  }
  await reader.close()
})

test('plain values stand beside the tensors, numbers, texts and lists as Python has them', async () => {
  for (const [name, key] of [
    ['ckpt_nested', 'plain_values'],
    ['ckpt_optimizer', 'param_groups'],
  ] as const) {
    const about: Case = JSON.parse(readFileSync(vector(`checkpoints/${name}.json`), 'utf8'))
    const { values } = await readWeights(vector(`checkpoints/${name}.pt`))
    expect(JSON.parse(JSON.stringify(values))).toMatchObject(
      key === 'plain_values' ? (about[key] as object) : { param_groups: about[key] },
    )
  }
})

test('tied weights are told, and share one array when all are read', async () => {
  const reader = await openWeights(vector('checkpoints/ckpt_odd.pt'))
  expect(reader.tensors.get('same_as_row')?.sameAs).toBe('row')
  await reader.close()
  const { tensors } = await readWeights(vector('checkpoints/ckpt_odd_legacy.pt'))
  expect(tensors.get('same_as_row')).toBe(tensors.get('row'))
})
