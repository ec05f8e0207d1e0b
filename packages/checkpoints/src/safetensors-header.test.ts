import { describe, expect, test } from 'vitest'
import { bytes, littleEndian } from '../fixtures/pickle-assembly.ts'
import { expected, expectTensor, failure, fixture } from '../fixtures/read.ts'
import { MalformedFileError, TruncatedFileError } from './errors.ts'
import { openWeights } from './open-weights.ts'
import { readWeights } from './read-weights.ts'
import { readSafetensors } from './safetensors-read.ts'

/** A file around a header. */
function file(header: string, data = 0): Uint8Array {
  const text = new TextEncoder().encode(header)
  return bytes(littleEndian(text.length, 8), text, new Uint8Array(data))
}
const one = (entry: string, data = 4) => file(`{"w":${entry}}`, data)

test('what Python wrote: 13 dtypes, an empty tensor, a scalar, metadata', async () => {
  const numpy = expected('numpy.json')
  const { tensors, metadata } = await readWeights(fixture('python.safetensors'))
  expect(tensors.size).toBe(Object.keys(numpy).length + 1)
  for (const [name, wanted] of Object.entries(numpy)) expectTensor(tensors.get(name), wanted, name)
  expect(tensors.get('bf16')).toEqual({
    dtype: 'bfloat16',
    shape: [4],
    data: Uint16Array.of(0x3f80, 0xbf80, 0x7f80, 1),
  })
  expect({ ...metadata }).toEqual({ ключ: 'значение "x"' })
  const other = await readWeights(fixture('numpy.safetensors'))
  for (const [name, wanted] of Object.entries(numpy)) expectTensor(other.tensors.get(name), wanted, name)
})

describe('a header that contradicts the file', () => {
  const entry = (shape: string, offsets: string, dtype = 'F32') =>
    `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`
  test.each<[string, Uint8Array, string]>([
    ['no JSON', file('{"w":'), 'its header is not JSON'],
    ['a list', file('[]'), 'its header is not a JSON object'],
    ['null', file('null'), 'its header is not a JSON object'],
    ['no UTF-8', bytes(littleEndian(2, 8), 0xff, 0xff), 'its header is not UTF-8'],
    [
      'deep nesting',
      file(`{"w":${'['.repeat(100_000)}`),
      'its header is nested deeper than the format allows',
    ],
    [
      'a name twice',
      file(`{"w":${entry('[1]', '[0,4]')},"w":${entry('[1]', '[0,4]')}}`, 4),
      'the name "w" occurs twice',
    ],
    [
      'a tensor that is a number',
      one('7'),
      '"w" is not described by an object; 4 bytes at the end belong to no tensor',
    ],
    [
      'an unknown dtype',
      one(entry('[1]', '[0,4]', 'F4')),
      '"w" has the unknown dtype "F4"; 4 bytes at the end belong to no tensor',
    ],
    [
      'a dtype that objects inherit',
      one(entry('[1]', '[0,4]', 'constructor')),
      '"w" has the unknown dtype "constructor"; 4 bytes at the end belong to no tensor',
    ],
    [
      'a shape of texts',
      one(entry('["1"]', '[0,4]')),
      '"w" has the shape ["1"]; 4 bytes at the end belong to no tensor',
    ],
    [
      'an impossible shape',
      one(entry('[4294967296,4294967296]', '[0,4]')),
      '"w" has the impossible shape [4294967296,4294967296]; 4 bytes at the end belong to no tensor',
    ],
    [
      'a negative size',
      one(entry('[-1]', '[0,4]')),
      '"w" has the impossible shape [-1]; 4 bytes at the end belong to no tensor',
    ],
    [
      'one offset',
      one(entry('[1]', '[0]')),
      '"w" has the offsets [0]; 4 bytes at the end belong to no tensor',
    ],
    [
      'broken offsets',
      one(entry('[1]', '[0.5,4.5]')),
      '"w" has the offsets [0.5,4.5]; 4 bytes at the end belong to no tensor',
    ],
    [
      'an end before the beginning',
      one(entry('[1]', '[4,0]')),
      '"w" takes 4 bytes by its shape, -4 by its offsets; 4 bytes at the end belong to no tensor',
    ],
    [
      'another length',
      one(entry('[2]', '[0,4]')),
      '"w" takes 8 bytes by its shape, 4 by its offsets; 4 bytes at the end belong to no tensor',
    ],
    ['bytes before', one(entry('[1]', '[4,8]'), 8), '4 bytes before "w" belong to no tensor'],
    ['bytes behind', one(entry('[1]', '[0,4]'), 8), '4 bytes at the end belong to no tensor'],
    [
      'an overlap',
      file(`{"a":${entry('[2]', '[0,8]')},"b":${entry('[1]', '[4,8]')}}`, 8),
      '"b" overlaps "a"',
    ],
    ['metadata that is no object', file('{"__metadata__":[]}'), '__metadata__ is not an object'],
    ['metadata that is no text', file('{"__metadata__":{"a":1}}'), 'the metadata "a" is not text'],
  ])('%s', async (_, content, problem) => {
    const error = await failure(() => readSafetensors(content))
    expect(error).toBeInstanceOf(MalformedFileError)
    expect(error.message).toBe(`bytes is not valid safetensors: ${problem}.`)
    const opened = await failure(() => openWeights(new File([content as BlobPart], 'w.safetensors')))
    expect(opened.message).toBe(`w.safetensors is not valid safetensors: ${problem}.`)
  })

  test('every problem is in the error, the first twelve in its message', async () => {
    const entries = Array.from({ length: 20 }, (_, i) => `"t${i}":${entry('[1]', '[0]')}`)
    const error = (await failure(() => readSafetensors(file(`{${entries}}`)))) as MalformedFileError
    expect(error.problems).toHaveLength(20)
    expect(error.message).toMatch(/"t11" has the offsets \[0\]; and 8 more\.$/)
  })

  test('a long name is cut in messages', async () => {
    const error = await failure(() => readSafetensors(file(`{"${'x'.repeat(100_000)}":7}`)))
    expect(error.message.length).toBeLessThan(200)
  })

  test.each<[string, Uint8Array]>([
    ['less than a length', new Uint8Array(7)],
    ['a header longer than the file', bytes(littleEndian(100, 8), '{}')],
    ['a tensor longer than the file', one(entry('[2]', '[0,8]'))],
  ])('%s', async (_, content) => {
    expect(await failure(() => readSafetensors(content))).toBeInstanceOf(TruncatedFileError)
  })

  test('a header longer than the format allows', async () => {
    const content = bytes(littleEndian(2n ** 63n, 8), '{}')
    const error = await failure(() => readSafetensors(content))
    expect(error.message).toBe(
      'bytes is not valid safetensors: its header is 9223372036854775808 bytes long, the format allows 100000000.',
    )
  })
})

test('names and metadata that objects have of their own are only names', () => {
  const names = ['__proto__', 'constructor', 'toString', '10', '2']
  const entries = names.map(
    (name, i) => `"${name}":{"dtype":"U8","shape":[1],"data_offsets":[${i},${i + 1}]}`,
  )
  const { tensors, metadata } = readSafetensors(file(`{"__metadata__":{"__proto__":"x"},${entries}}`, 5))
  expect([...tensors.keys()]).toEqual(names)
  expect(Object.entries(metadata)).toEqual([['__proto__', 'x']])
})

test('data that is not aligned is read right', () => {
  const header = '{"w":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}'
  for (let padding = 0; padding < 8; padding++) {
    const content = file(header + ' '.repeat(padding), 8)
    content.set(new Uint8Array(Float64Array.of(Math.PI).buffer), content.length - 8)
    expect(readSafetensors(content).tensors.get('w')?.data[0]).toBe(Math.PI)
  }
})
