import { open } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { bytes, dictionary, op, pickle, tensor } from '../fixtures/pickle-assembly.ts'
import { failure, fixture } from '../fixtures/read.ts'
import { good, inLegacy, inZip, stored } from '../fixtures/six-floats.ts'
import { TensorNotFoundError, UnknownFormatError } from './errors.ts'
import { writeNpy } from './npy.ts'
import { writeNpz } from './npz-write.ts'
import { openWeights } from './open-weights.ts'
import { readWeights } from './read-weights.ts'
import { writeSafetensors } from './safetensors-write.ts'
import { float32Tensor } from './weights.ts'

const w = float32Tensor([6], Float32Array.of(1, 2, 3, 4, 5, 6))
const files = {
  safetensors: writeSafetensors({ tensors: new Map([['w', w]]) }),
  'torch-zip': inZip(good),
  'torch-legacy': inLegacy(good),
  npz: writeNpz(new Map([['w', w]])),
  npy: writeNpy(w),
}

test.each(Object.entries(files))('%s is recognised by its content', async (format, content) => {
  const reader = await openWeights(content)
  expect(reader).toMatchObject({ format, size: content.length, name: 'bytes' })
  const [name] = reader.tensors.keys()
  expect(reader.tensors.get(name!)).toMatchObject({ dtype: 'float32', bytes: 24 })
  expect([...(await reader.read(name!)).data]).toEqual([1, 2, 3, 4, 5, 6])
  await reader.close()
  await reader.close()
})

describe('something else', () => {
  test.each<[string, Uint8Array | string, string]>([
    ['nothing', new Uint8Array(0), 'empty'],
    ['a web page', '<!DOCTYPE html><p>Please sign in', 'a web page'],
    ['a pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:1', 'a pointer of Git LFS'],
    ['an empty archive', bytes('PK\x05\x06', new Uint8Array(18)), 'an empty zip archive'],
    ['a gzip file', bytes(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0), 'compressed by gzip'],
    ['a bare pickle', pickle(op.emptyDict), 'a Python pickle that torch.save did not write'],
    ['a picture', bytes(0x89, 'PNG\r\n', 0x1a, '\n', 0), 'a file that begins with 89 50 4e 47 0d 0a 1a 0a'],
  ])('%s', async (_, content, found) => {
    const file = typeof content === 'string' ? new TextEncoder().encode(content) : content
    const error = await failure(() => openWeights(file))
    expect(error).toBeInstanceOf(UnknownFormatError)
    expect(error.message).toBe(`bytes is ${found}, expected safetensors, a PyTorch checkpoint, .npz or .npy.`)
    expect(error.advice).toBeTruthy()
  })
})

describe('a part of the names', () => {
  const file = inZip(
    dictionary({
      ema: dictionary({
        w: tensor(stored, { shape: [2], strides: [1] }),
        tied: tensor(stored, { shape: [2], strides: [1] }),
        step: op.int(7),
      }),
      emaOther: tensor(stored, { shape: [6], strides: [1] }),
    }),
  )

  test('loses the path, and its plain values come with it', async () => {
    const reader = await openWeights(file, { under: 'ema' })
    expect([...reader.tensors.keys()]).toEqual(['w', 'tied'])
    expect(reader.tensors.get('tied')?.sameAs).toBe('w')
    expect(reader.values).toEqual({ step: 7 })
    expect([...(await reader.read('w')).data]).toEqual([1, 2])
  })

  test('that is not there', async () => {
    const error = await failure(() => openWeights(file, { under: 'model' }))
    expect(error).toBeInstanceOf(TensorNotFoundError)
    expect(error.message).toBe('bytes has no tensors under "model", it has: ema; emaOther.')
  })
})

test('a tensor that is not there: names like it come first', async () => {
  const names = ['a.bias', 'b.weight', 'c.out.weight']
  const reader = await openWeights(writeSafetensors({ tensors: new Map(names.map((name) => [name, w])) }))
  const error = await failure(() => reader.read('model.c.out.weight'))
  expect(error.message).toBe(
    'bytes has no tensor "model.c.out.weight", it has: c.out.weight; b.weight; a.bias.',
  )
})

describe('progress and abort', () => {
  test('bytes of all tensors, tied ones once', async () => {
    const tied = inZip(
      dictionary({
        a: tensor(stored, { shape: [6], strides: [1] }),
        b: tensor(stored, { shape: [6], strides: [1] }),
        c: tensor(stored, { shape: [2], strides: [1] }),
      }),
    )
    const seen: string[] = []
    await readWeights(tied, { onProgress: ({ loaded, total }) => seen.push(`${loaded}/${total}`) })
    expect(seen).toEqual(['24/32', '32/32'])
  })

  test.each(Object.entries(files))('%s: before opening, and before each tensor', async (_, content) => {
    const aborted = AbortSignal.abort(new Error('enough'))
    for (const source of [content, new Blob([content as BlobPart])])
      await expect(openWeights(source, { signal: aborted })).rejects.toThrow('enough')
    const controller = new AbortController()
    const reader = await openWeights(content, { signal: controller.signal })
    const [name] = reader.tensors.keys()
    await reader.read(name!)
    controller.abort(new Error('enough'))
    await expect(reader.read(name!)).rejects.toThrow('enough')
    const other = await openWeights(content)
    await expect(other.read(name!, { signal: aborted })).rejects.toThrow('enough')
  })

  test('in the middle of a whole file', async () => {
    const controller = new AbortController()
    const many = new Map(Array.from({ length: 5 }, (_, i) => [`w${i}`, w]))
    let seen = 0
    const reading = readWeights(new Blob([writeSafetensors({ tensors: many })]), {
      signal: controller.signal,
      onProgress: () => {
        if (++seen === 2) controller.abort(new Error('enough'))
      },
    })
    await expect(reading).rejects.toThrow('enough')
    expect(seen).toBe(2)
  })
})

test('a file that cannot be opened is closed', async () => {
  const descriptor = async () => {
    const handle = await open(fixture('torch-module.pt'))
    await handle.close()
    return handle.fd
  }
  const before = await descriptor()
  for (let i = 0; i < 20; i++) await failure(() => openWeights(fixture('torch-module.pt')))
  expect(await descriptor()).toBe(before)
})
