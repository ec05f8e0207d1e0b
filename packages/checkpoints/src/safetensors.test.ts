import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openWeights } from './open-weights.ts'
import { readWeights } from './read-weights.ts'
import { readSafetensors } from './safetensors-read.ts'
import { saveSafetensors, writeSafetensors } from './safetensors-write.ts'
import { float32Tensor, type WeightTensor } from './weights.ts'

const folder = await mkdtemp(join(tmpdir(), 'safetensors-'))
afterAll(() => rm(folder, { recursive: true }))

const tensors = new Map<string, WeightTensor>([
  ['out.2.weight', float32Tensor([2, 3], Float32Array.of(0.5, -1, 2, 3, -4, 65504))],
  ['step', { dtype: 'int64', shape: [], data: BigInt64Array.of(12345678901n) }],
  ['empty', { dtype: 'uint8', shape: [0, 4], data: new Uint8Array(0) }],
  ['10', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
])

test('what is written is what is read, in memory', () => {
  const read = readSafetensors(writeSafetensors({ tensors, metadata: { config: '{"size":28}' } }))
  expect(Object.fromEntries(read.tensors)).toEqual(Object.fromEntries(tensors))
  expect({ ...read.metadata }).toEqual({ config: '{"size":28}' })
})

test('what is saved is what is read, tensor by tensor, and no other file is left', async () => {
  const path = join(folder, 'a.safetensors')
  await saveSafetensors(path, { tensors }, { dtype: 'float16', metadata: { a: 'b' } })
  expect(await readdir(folder)).toEqual(['a.safetensors'])
  const reader = await openWeights(path)
  expect(reader.tensors.get('out.2.weight')).toMatchObject({ dtype: 'float16', shape: [2, 3], bytes: 12 })
  expect(await reader.read('step')).toEqual(tensors.get('step'))
  await reader.close()
  expect((await readWeights(await readFile(path))).tensors.size).toBe(4)
})
