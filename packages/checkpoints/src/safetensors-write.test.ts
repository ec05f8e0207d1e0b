import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { expected, expectTensor, failure, fixture } from '../fixtures/read.ts'
import { WeightsValueError, WriteError } from './errors.ts'
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

test('the same weights give the same bytes, in whatever order they come', () => {
  const turned = new Map([...tensors].reverse())
  expect(Buffer.compare(writeSafetensors({ tensors }), writeSafetensors({ tensors: turned }))).toBe(0)
})

test('every dtype that Python reads and writes, and wide elements are aligned', async () => {
  const numpy = expected('numpy.json')
  const { tensors: all, metadata } = await readWeights(fixture('python.safetensors'))
  const file = writeSafetensors({ tensors: all, metadata })
  const read = readSafetensors(file)
  for (const [name, wanted] of Object.entries(numpy)) expectTensor(read.tensors.get(name), wanted, name)
  for (const { data } of read.tensors.values()) expect(data.buffer).toBe(file.buffer)
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

test('an open PyTorch file is written one tensor at a time', async () => {
  const path = join(folder, 'b.safetensors')
  const reader = await openWeights(fixture('torch-protocol-2.pt'))
  const done: number[] = []
  await saveSafetensors(path, reader, { onProgress: ({ loaded, total }) => done.push(loaded / total) })
  await reader.close()
  expect(done).toHaveLength(reader.tensors.size)
  expect(done.at(-1)).toBe(1)
  const { tensors: read } = await readWeights(path)
  for (const [name, wanted] of Object.entries(expected('torch.json')))
    expectTensor(read.get(name), wanted, name)
})

describe('what cannot be written', () => {
  test('shapes, kinds of arrays and names, all at once', async () => {
    const wrong = new Map<string, WeightTensor>([
      ['a', float32Tensor([3], new Float32Array(2))],
      ['b', { dtype: 'int32', shape: [1], data: new Float32Array(1) as unknown as Int32Array<ArrayBuffer> }],
      ['c', float32Tensor([-1], new Float32Array(1))],
    ])
    expect(() => writeSafetensors({ tensors: wrong })).toThrowErrorMatchingInlineSnapshot(
      `[WeightsValueError: The weights cannot be written: a [3] needs 3 elements, it has 2; b is int32 in a Float32Array; c has the impossible shape [-1].]`,
    )
    expect(await failure(() => saveSafetensors(join(folder, 'c'), { tensors: wrong }))).toBeInstanceOf(
      WeightsValueError,
    )
    const reserved = new Map([['__metadata__', float32Tensor([1], new Float32Array(1))]])
    expect(() => writeSafetensors({ tensors: reserved })).toThrow(
      '__metadata__ cannot be the name of a tensor',
    )
    const metadata = { a: 1 } as unknown as Record<string, string>
    expect(() => writeSafetensors({ tensors, metadata })).toThrow('the metadata "a" is not text')
  })

  test('a finite number that float16 does not reach; an infinite one is kept', () => {
    const large = new Map([['w', float32Tensor([2], Float32Array.of(1, 65520))]])
    expect(() => writeSafetensors({ tensors: large }, { dtype: 'float16' })).toThrow(
      'The weights cannot be written: w holds 65520, float16 ends at 65504.',
    )
    const infinite = new Map([['w', float32Tensor([2], Float32Array.of(Infinity, 65519))]])
    const { data } = readSafetensors(
      writeSafetensors({ tensors: infinite }, { dtype: 'float16' }),
    ).tensors.get('w')!
    expect([...data]).toEqual([0x7c00, 0x7bff])
  })

  test('an aborted or failed write leaves the old file, and nothing beside it', async () => {
    const own = await mkdtemp(join(folder, 'own-'))
    const path = join(own, 'w.safetensors')
    await writeFile(path, 'old')
    const signal = AbortSignal.abort(new Error('stopped'))
    await expect(saveSafetensors(path, { tensors }, { signal })).rejects.toThrow('stopped')
    const late = new AbortController()
    await expect(
      saveSafetensors(
        path,
        { tensors },
        { signal: late.signal, onProgress: () => late.abort(new Error('late')) },
      ),
    ).rejects.toThrow('late')
    expect(await readdir(own)).toEqual(['w.safetensors'])
    expect(await readFile(path, 'utf8')).toBe('old')
  })

  test('a folder that is not there, a path that is a folder', async () => {
    const missing = await failure(() => saveSafetensors(join(folder, 'no', 'w.safetensors'), { tensors }))
    expect(missing).toBeInstanceOf(WriteError)
    expect(missing.message).toBe(
      `${join(folder, 'no', 'w.safetensors')} cannot be written: its folder does not exist.`,
    )
    const directory = await failure(() => saveSafetensors(folder, { tensors }))
    expect(directory).toBeInstanceOf(WriteError)
    expect(directory.message).toContain('it is a folder')
  })
})
