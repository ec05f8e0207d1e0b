import { describe, expect, test } from 'vitest'
import { bytes, dictionary, op, pickle, tensor, tuple } from '../fixtures/pickle-assembly.ts'
import { failure } from '../fixtures/read.ts'
import { floats, good, inLegacy, inZip, problem } from '../fixtures/six-floats.ts'
import { torchLegacy, torchZip, zip } from '../fixtures/torch-files.ts'
import { MalformedFileError, TruncatedFileError, UnsupportedFileError } from './errors.ts'
import { openWeights } from './open-weights.ts'
import { readWeights } from './read-weights.ts'

/** PyTorch files that no PyTorch writes. */

describe('the archive around', () => {
  test.each<[string, Uint8Array, string]>([
    [
      'two descriptions',
      zip({ 'a/data.pkl': pickle(good), 'b/data.pkl': pickle(good) }),
      'it has 2 entries called data.pkl, expected one',
    ],
    ['a storage that is missing', torchZip(pickle(good)), 'storage 0 is missing'],
    [
      'a storage that is shorter',
      inZip(good, { 0: floats.subarray(4) }),
      'storage 0 has 20 bytes, expected 24',
    ],
    ['a storage that is longer', inZip(good, { 0: bytes(floats, 0) }), 'storage 0 has 25 bytes, expected 24'],
    [
      'a byte order of its own',
      zip({ 'a/data.pkl': pickle(good), 'a/byteorder': bytes('middle'), 'a/data/0': floats }),
      'its byte order is "middle", expected little or big',
    ],
    [
      'an endless byte order',
      zip({ 'a/data.pkl': pickle(good), 'a/byteorder': new Uint8Array(5000), 'a/data/0': floats }),
      'its byte order is "too long", expected little or big',
    ],
  ])('%s', async (_, file, message) => {
    const error = await failure(() => openWeights(file))
    expect(error).toBeInstanceOf(MalformedFileError)
    expect(error.message).toBe(`bytes is not valid PyTorch: ${message}.`)
  })

  test('a packed archive, which PyTorch itself does not read either', async () => {
    const file = inZip(good)
    const directory = file.findLastIndex((_, i) => String(file.subarray(i, i + 4)) === '80,75,1,2')
    file[directory + 10] = 8
    const error = await failure(() => openWeights(file))
    expect(error).toBeInstanceOf(UnsupportedFileError)
    expect(error.message).toBe('bytes uses what is not supported: compression of "archive/data/0".')
  })

  test.each<[string, Uint8Array, string]>([
    [
      'another version',
      bytes(torchLegacy(pickle(good)).subarray(0, 15), pickle(op.int(1002))),
      'its version is 1002, expected 1001',
    ],
    [
      'keys that are no list',
      torchLegacy(pickle(good), [['0', 6, floats]], op.none),
      'the keys of its storages are no list',
    ],
    [
      'a key that is not described',
      torchLegacy(pickle(good), [
        ['0', 6, floats],
        ['1', 1, floats],
      ]),
      'storage "1" is listed, but not described',
    ],
    [
      'a key that is listed twice',
      torchLegacy(pickle(good), [
        ['0', 6, floats],
        ['0', 6, floats],
      ]),
      'storage 0 is listed twice',
    ],
    ['a storage that is not listed', torchLegacy(pickle(good)), 'storage 0 is missing'],
    [
      'a storage of another length',
      torchLegacy(pickle(good), [['0', 5, floats]]),
      'storage 0 has 5 elements, expected 6',
    ],
  ])('legacy: %s', async (_, file, message) => {
    const error = await failure(() => readWeights(file))
    expect(error).toBeInstanceOf(MalformedFileError)
    expect(error.message).toBe(`bytes is not valid PyTorch: ${message}.`)
  })

  test('cut off at any place, a file is one of three errors', async () => {
    for (const file of [inZip(good), inLegacy(good)])
      for (let length = 20; length < file.length; length += 7) {
        const error = await failure(() => readWeights(file.subarray(0, length)))
        expect([TruncatedFileError, MalformedFileError]).toContain(error.constructor)
      }
  })
})

test('a part of a storage, as files of before 2018 describe it', async () => {
  const part = [
    tuple(
      op.text('storage'),
      op.global('torch', 'FloatStorage'),
      op.text('0'),
      op.text('cpu'),
      op.int(6),
      tuple(op.text('1'), op.int(2), op.int(3)),
    ),
    op.persistent,
  ]
  const view = (shape: number[], offset = 0) =>
    dictionary({ w: tensor(part, { offset, shape, strides: [1] }) })
  expect([...((await readWeights(inLegacy(view([3])))).tensors.get('w')?.data ?? [])]).toEqual([3, 4, 5])
  expect([...((await readWeights(inLegacy(view([2], 1)))).tensors.get('w')?.data ?? [])]).toEqual([4, 5])
  expect(await problem(view([4]))).toBe('"w" needs 16 bytes of a storage that has 12.')
})
