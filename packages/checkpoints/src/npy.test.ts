import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { bytes } from '../fixtures/pickle-assembly.ts'
import { expected, expectTensor, failure, fixture } from '../fixtures/read.ts'
import { MalformedFileError, TruncatedFileError, UnsupportedFileError, WeightsValueError } from './errors.ts'
import { parseNpyHeader, writeNpy } from './npy.ts'
import { openWeights } from './open-weights.ts'
import { readWeights } from './read-weights.ts'
import { float32Tensor } from './weights.ts'

const numpy = expected('numpy.json')
const read = async (path: string | Uint8Array) => (await readWeights(path)).tensors.get('arr_0')

/** A file with this header and so many bytes after it. */
function npy(header: string, data = 0, version = 1): Uint8Array {
  const length =
    version === 1
      ? [header.length & 255, header.length >> 8]
      : [header.length & 255, header.length >> 8, 0, 0]
  return bytes(0x93, 'NUMPY', version, 0, length, header, new Uint8Array(data))
}
const header = (descr: string, shape: string, order = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }\n`

test('what numpy wrote, in versions 1 and 2 of the format', async () => {
  expectTensor(await read(fixture('numpy.npy')), numpy.f4!, 'f4')
  expectTensor(await read(fixture('numpy-version-2.npy')), numpy.i2!, 'i2')
})

test('what we write is what numpy writes, byte for byte', async () => {
  const tensor = await read(fixture('numpy.npy'))
  expect(Buffer.compare(writeNpy(tensor!), readFileSync(fixture('numpy.npy')))).toBe(0)
})

test.each([[[]], [[3]], [[0, 2]], [[2, 1, 2]]])('a shape of %j is read back', async (shape) => {
  const tensor = float32Tensor(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1.5))
  const file = writeNpy(tensor)
  expect(file.length % 4).toBe(0)
  expect((128 - tensor.data.byteLength + file.length) % 64).toBe(0)
  expect(await read(file)).toEqual(tensor)
})

test.each([
  ['>i4', [0, 0, 0, 7], 'int32', 7],
  ['<i4', [7, 0, 0, 0], 'int32', 7],
  ['=i2', [7, 0], 'int16', 7],
  ['|b1', [1], 'bool', 1],
])('the order of %s', async (descr, data, dtype, value) => {
  const tensor = await read(bytes(npy(header(descr, '1,')), data))
  expect(tensor).toMatchObject({ dtype, shape: [1] })
  expect(Number(tensor?.data[0])).toBe(value)
})

test('Fortran order is turned into row-major', async () => {
  const tensor = await read(bytes(npy(header('|u1', '2, 3', 'True')), [0, 1, 2, 3, 4, 5]))
  expect([...(tensor?.data ?? [])]).toEqual([0, 2, 4, 1, 3, 5])
})

test.each([
  ['no brackets', npy("'descr': '<f4'\n"), 'its header is unreadable'],
  ['a missing key', npy("{'descr': '<f4', 'shape': (1,)}\n", 4), 'its header is unreadable'],
  ['one key more', npy(header('<f4', '1,').replace('}', "'x': 1}"), 4), 'its header is unreadable'],
  ['a negative size', npy(header('<f4', '-1,'), 4), 'its header is unreadable'],
  ['code for a header', npy("{'descr': __import__('os')}\n"), 'its header is unreadable'],
  [
    'an impossible shape',
    npy(header('<f4', '99999999, 99999999, 99999999'), 4),
    'its shape is [99999999,99999999,99999999]',
  ],
  ['too many axes', npy(header('|u1', '1,'.repeat(65)), 1), 'it has 65 dimensions'],
  ['bytes left over', npy(header('<f4', '1,'), 5), '1 bytes at the end belong to no element'],
  ['version 4', npy(header('<f4', '1,'), 4, 4), 'its version is 4, expected 1 to 3'],
  ['a dtype without order', npy(header('f4', '1,'), 4), 'its dtype is "f4"'],
])('%s', async (_, file, problem) => {
  const error = await failure(() => openWeights(file))
  expect(error).toBeInstanceOf(MalformedFileError)
  expect(error.message).toBe(`bytes is not valid .npy: ${problem}.`)
})

test('elements that are missing', async () => {
  const error = await failure(() => openWeights(npy(header('<f4', '4,'), 15)))
  expect(error).toBeInstanceOf(TruncatedFileError)
  expect(error.message).toMatchInlineSnapshot(
    `"bytes is cut off: it has 83 bytes, the shape [4] needs 84 bytes."`,
  )
  for (const length of [7, 9, 11, 40])
    expect(await failure(() => openWeights(npy(header('<f4', '4,'), 16).subarray(0, length)))).toBeInstanceOf(
      TruncatedFileError,
    )
})

test.each(['|O', '<U2', '<c8', '<M8', '|S3', '<f16'])('the dtype %s is not read', async (descr) => {
  const error = await failure(() => openWeights(npy(header(descr, '1,'), 64)))
  expect(error).toBeInstanceOf(UnsupportedFileError)
  expect(error.message).toContain(`uses what is not supported: the dtype "${descr}"`)
})

test('what numpy wrote of objects and texts is refused', async () => {
  expect((await failure(() => openWeights(fixture('numpy-objects.npz')))).message).toContain(
    'numpy-objects.npz: names.npy uses what is not supported: the dtype "|O"',
  )
  expect((await failure(() => openWeights(fixture('numpy-text.npy')))).message).toContain('the dtype "<U2"')
})

test('a header of spaces and half-written numbers takes no long time', () => {
  const began = performance.now()
  for (const text of [
    `{'shape': (${' '.repeat(65_000)}x`,
    `{'shape': (${'1'.repeat(65_000)}x`,
    `{'shape': (${'1 , '.repeat(16_000)}x`,
    "'shape'  :".repeat(6_500),
    `{${','.repeat(65_000)}x`,
  ])
    expect(() => parseNpyHeader(npy(text), 'a.npy', text.length + 10)).toThrow(MalformedFileError)
  expect(performance.now() - began).toBeLessThan(3000)
})

test('bfloat16 is not written, since numpy does not have it', () => {
  expect(() => writeNpy({ dtype: 'bfloat16', shape: [1], data: Uint16Array.of(1) })).toThrow(
    WeightsValueError,
  )
})
