import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { bytes } from '../fixtures/pickle-assembly.ts'
import { expected, expectTensor, failure, fixture } from '../fixtures/read.ts'
import { zip } from '../fixtures/torch-files.ts'
import { crc32 } from './crc32.ts'
import {
  MalformedFileError,
  TensorNotFoundError,
  TooLargeError,
  UnknownFormatError,
  WeightsValueError,
} from './errors.ts'
import { writeNpy } from './npy.ts'
import { saveNpz, writeNpz } from './npz-write.ts'
import { openWeights } from './open-weights.ts'
import { readWeights } from './read-weights.ts'
import { float32Tensor, type WeightTensor } from './weights.ts'
import { zipDirectory, zipLocalHeader } from './zip-writer.ts'

const folder = await mkdtemp(join(tmpdir(), 'npz-'))
afterAll(() => rm(folder, { recursive: true }))
const numpy = expected('numpy.json')

test.each(['numpy.npz', 'numpy-deflated.npz', 'numpy-fortran-big-endian.npz'])(
  '%s: every array to the last bit, in any dtype and order',
  async (name) => {
    const { tensors } = await readWeights(fixture(name))
    expect([...tensors.keys()]).toEqual(Object.keys(numpy))
    for (const [key, wanted] of Object.entries(numpy)) expectTensor(tensors.get(key), wanted, key)
  },
)

test('arrays are read one at a time, and only those asked for', async () => {
  const file = new Blob([readFileSync(fixture('numpy.npz'))])
  const reads: number[] = []
  const counting = new Proxy(file, {
    get: (target, key) => {
      if (key !== 'slice') return Reflect.get(target, key, target)
      return (from: number, to: number) => {
        reads.push(to - from)
        return target.slice(from, to)
      }
    },
  })
  const reader = await openWeights(counting)
  reads.length = 0
  expectTensor(await reader.read('i2'), numpy.i2!, 'i2')
  expect(reads).toEqual([128 + 48])
})

const arrays = new Map<string, WeightTensor>([
  ['arr_0', { dtype: 'uint8', shape: [2, 2, 2, 3], data: Uint8Array.from({ length: 24 }, (_, i) => i * 10) }],
  ['arr_1', { dtype: 'int64', shape: [2], data: BigInt64Array.of(207n, 88n) }],
  ['имя', float32Tensor([], Float32Array.of(-0))],
])

test.each(['stored', 'deflated'] as const)(
  'what is written %s is what is read, the same bytes each time',
  async (compression) => {
    const file = writeNpz(arrays, { compression })
    expect(Object.fromEntries((await readWeights(file)).tensors)).toEqual(Object.fromEntries(arrays))
    expect(Buffer.compare(file, writeNpz(arrays, { compression }))).toBe(0)
    const path = join(folder, `${compression}.npz`)
    const progress: number[] = []
    await saveNpz(path, arrays, {
      compression,
      onProgress: ({ loaded, total }) => progress.push(loaded / total),
    })
    expect(Buffer.compare(file, readFileSync(path))).toBe(0)
    expect(progress.at(-1)).toBe(1)
  },
)

test('nothing is left of a file that could not be written', async () => {
  const before = await readdir(folder)
  const signal = AbortSignal.abort(new Error('stopped'))
  await expect(saveNpz(join(folder, 'a.npz'), arrays, { signal })).rejects.toThrow('stopped')
  const wrong = new Map([['a', float32Tensor([3], new Float32Array(2))]])
  await expect(saveNpz(join(folder, 'a.npz'), wrong)).rejects.toThrow(WeightsValueError)
  expect(await readdir(folder)).toEqual(before)
})

test('arrays that cannot be written are told all at once', () => {
  const wrong = new Map<string, WeightTensor>([
    ['a', { dtype: 'bfloat16', shape: [1], data: new Uint16Array(1) }],
    ['b', { dtype: 'int32', shape: [1], data: new Float32Array(1) as unknown as Int32Array<ArrayBuffer> }],
    ['c', float32Tensor([3], new Float32Array(2))],
  ])
  expect(() => writeNpz(wrong)).toThrowErrorMatchingInlineSnapshot(
    `[WeightsValueError: The weights cannot be written: a is bfloat16, which numpy does not have; b is int32 in a Float32Array; c has the shape [3] and 2 elements.]`,
  )
})

/** One deflated entry whose directory says what it likes. */
function deflated(content: Uint8Array, told: { size?: number; crc?: number } = {}): Uint8Array {
  const packed = deflateRawSync(content)
  const entry = {
    name: 'a.npy',
    method: 'deflated' as const,
    crc: told.crc ?? crc32(content),
    size: told.size ?? content.length,
    packedSize: packed.length,
    offset: 0,
    packed: [],
  }
  const head = zipLocalHeader(entry)
  return bytes(head, packed, zipDirectory([entry], head.length + packed.length))
}

const zeros = writeNpy(float32Tensor([2 ** 20], new Float32Array(2 ** 20)))

test('a deflated array of zeros is read', async () => {
  const { data } = await (await openWeights(deflated(zeros))).read('a')
  expect(data.length).toBe(2 ** 20)
})

test.each([
  [
    'a length that deflate cannot reach',
    deflated(zeros, { size: 2 ** 26 }),
    MalformedFileError,
    /"a\.npy" cannot become 67108864 bytes from \d+/,
  ],
  [
    'a length that the packed bytes do not have',
    deflated(zeros.subarray(0, 4000), { size: zeros.length }),
    MalformedFileError,
    /cannot become/,
  ],
  [
    'a wrong checksum',
    deflated(zeros, { crc: 1 }),
    MalformedFileError,
    /a\.npy is not valid zip: its checksum does not match/,
  ],
])('%s', async (_, file, kind, message) => {
  const error = await failure(async () => (await openWeights(file)).read('a'))
  expect(error).toBeInstanceOf(kind)
  expect(error.message).toMatch(message)
})

test('more than 64 MiB and more than 100 times its packed length', async () => {
  const noise = Uint8Array.from(
    { length: 200_000 },
    (_, i) => Math.imul(i ^ 0x5bd1e995, i * 2654435761) >>> 24,
  )
  const error = await failure(() => openWeights(deflated(noise, { size: 2 ** 27 })))
  expect(error).toBeInstanceOf(TooLargeError)
  expect(error.message).toBe(
    'bytes: the array "a.npy", inflated, takes 134217728 bytes, the limit is 67108864.',
  )
})

test('a changed byte of a stored array is noticed by its checksum', async () => {
  const file = writeNpz(new Map([['a', float32Tensor([2], Float32Array.of(1, 2))]]))
  const at = 30 + 'a.npy'.length + 128
  file[at + 3]! ^= 1
  const error = await failure(() => readWeights(file))
  expect(error.message).toBe('bytes: a.npy is not valid zip: its checksum does not match.')
})

test('an archive of other files, an array that is not there', async () => {
  expect(await failure(() => openWeights(zip({ 'readme.txt': new Uint8Array(3) })))).toBeInstanceOf(
    UnknownFormatError,
  )
  const reader = await openWeights(writeNpz(arrays))
  const error = await failure(() => reader.read('arr_2'))
  expect(error).toBeInstanceOf(TensorNotFoundError)
  expect(error.message).toMatchInlineSnapshot(`"bytes has no tensor "arr_2", it has: arr_0; arr_1; имя."`)
})
