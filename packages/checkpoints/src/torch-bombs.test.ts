import { describe, expect, test } from 'vitest'
import {
  dictionary,
  littleEndian,
  op,
  type Part,
  pickle,
  storage,
  tensor,
  tuple,
} from '../fixtures/pickle-assembly.ts'
import { failure } from '../fixtures/read.ts'
import { floats, good, inLegacy, inZip, matrix, stored } from '../fixtures/six-floats.ts'
import { torchLegacy } from '../fixtures/torch-files.ts'
import { MalformedFileError, TooLargeError, TruncatedFileError } from './errors.ts'
import { openWeights } from './open-weights.ts'
import { readWeights } from './read-weights.ts'

/** PyTorch files that no PyTorch writes. */

describe('memory out of nothing', () => {
  test('a tensor that repeats one number may be as large as its file, or 1 MiB', async () => {
    const repeated = (size: number) => dictionary({ w: tensor(stored, { shape: [size], strides: [0] }) })
    expect((await readWeights(inZip(repeated(2 ** 18)))).tensors.get('w')?.data.every((x) => x === 1)).toBe(
      true,
    )
    const error = await failure(() => openWeights(inZip(repeated(2 ** 18 + 1))))
    expect(error).toBeInstanceOf(TooLargeError)
    expect(error.message).toBe('bytes: the tensor "w" [262145] takes 1048580 bytes, the limit is 1048576.')
  })

  test('many such tensors may not be read all at once, but one at a time', async () => {
    const tensors = Array.from({ length: 6 }, (_, offset) =>
      tensor(stored, { offset, shape: [2 ** 18], strides: [0] }),
    )
    const file = inZip(dictionary(Object.fromEntries(tensors.map((part, i) => [`w${i}`, part]))))
    const error = await failure(() => readWeights(file))
    expect(error).toBeInstanceOf(TooLargeError)
    expect(error.message).toMatch(/^bytes: all tensors together takes \d+ bytes, the limit is \d+\.$/)
    const reader = await openWeights(file)
    expect((await reader.read('w5')).data).toHaveLength(2 ** 18)
  })

  test('a storage that is longer than the file', async () => {
    const long = dictionary({
      w: tensor(storage('FloatStorage', '0', 2n ** 50n), { shape: [2], strides: [1] }),
    })
    const zipped = await failure(() => openWeights(inZip(long)))
    expect(zipped.message).toBe(
      'bytes is not valid PyTorch: storage 0 has 24 bytes, expected 4503599627370496.',
    )
    const legacy = await failure(() => openWeights(torchLegacy(pickle(long), [['0', 6, floats]])))
    expect(legacy).toBeInstanceOf(TruncatedFileError)
  })

  const repeat = (times: number, ...parts: Part[]) => Array.from({ length: times }, () => parts)
  const bombs: [string, Part, RegExp][] = [
    [
      'a list inside itself',
      [op.emptyList, op.put(0), op.get(0), op.append],
      /it holds a value inside itself/,
    ],
    [
      'a dictionary inside itself',
      [op.emptyDict, op.put(0), op.text('a'), op.get(0), op.setItem],
      /it holds a value inside itself/,
    ],
    [
      'lists in lists in lists',
      [repeat(200, op.emptyList), repeat(199, op.append)],
      /nested deeper than 100 levels/,
    ],
    [
      'ten lists of the ten lists before',
      [
        [op.emptyList, tensor(stored, matrix), op.append, op.put(0)],
        Array.from({ length: 20 }, (_, i) => [
          op.pop,
          op.emptyList,
          op.put(i + 1),
          op.mark,
          repeat(10, op.get(i)),
          op.appends,
        ]),
      ],
      /it repeats its values out of proportion to its size/,
    ],
    [
      'two lists of the two lists before, forty times, without a tensor',
      [
        [op.emptyList, op.put(0)],
        Array.from({ length: 40 }, (_, i) => [
          op.pop,
          op.emptyList,
          op.put(i + 1),
          op.mark,
          repeat(2, op.get(i)),
          op.appends,
        ]),
      ],
      /it repeats its values out of proportion to its size/,
    ],
    [
      'one text encoded again and again',
      [
        [
          op.global('_codecs', 'encode'),
          op.put(0),
          op.pop,
          tuple(op.text('x'.repeat(200_000)), op.text('latin1')),
          op.put(1),
          op.pop,
        ],
        repeat(20_000, 0x68, 0, 0x68, 1, op.reduce, op.pop),
        op.none,
      ],
      /it makes more than 1048576 values/,
    ],
    [
      'one list made into a dictionary again and again',
      [
        [
          op.global('collections', 'OrderedDict'),
          op.put(0),
          op.pop,
          op.emptyList,
          op.mark,
          repeat(5_000, op.int(1), op.int(2), op.tuple2),
          op.appends,
          op.tuple1,
          op.put(1),
          op.pop,
        ],
        repeat(20_000, 0x68, 0, 0x68, 1, op.reduce, op.pop),
        op.none,
      ],
      /it makes more than 1048576 values/,
    ],
    [
      'one device made of a long text again and again',
      [op.global('torch', 'device'), tuple(repeat(1000, op.text('x'.repeat(1000)))), op.reduce],
      /a device is a text/,
    ],
    [
      'one long key in every dictionary',
      [
        [op.text('k'.repeat(50_000)), op.put(0), op.pop, tensor(stored, matrix), op.put(1), op.pop],
        [op.emptyList, op.mark, repeat(2_000, op.emptyDict, op.get(0), op.get(1), op.setItem), op.appends],
      ],
      /a key in it has 50000 characters/,
    ],
    [
      'long keys one below the other',
      [repeat(90, op.emptyDict, op.text('k'.repeat(4000))), tensor(stored, matrix), repeat(90, op.setItem)],
      /a name in it is longer than 4096 characters/,
    ],
    [
      'one tensor under two names that are one',
      [
        op.emptyDict,
        op.text('a'),
        [op.emptyDict, op.text('b'), tensor(stored, matrix), op.setItem],
        op.setItem,
        op.text('a.b'),
        tensor(stored, matrix),
        op.setItem,
      ],
      /two of its tensors are called "a\.b"/,
    ],
  ]
  test.each(bombs)('%s', async (_, part, message) => {
    const began = performance.now()
    for (const file of [inZip(part), inLegacy(part)]) {
      const error = await failure(() => openWeights(file))
      expect(error).toBeInstanceOf(MalformedFileError)
      expect(error.message).toMatch(message)
      expect(error.message.length).toBeLessThan(1000)
    }
    expect(performance.now() - began).toBeLessThan(10_000)
  })

  test('keys of a legacy file that are no texts', async () => {
    const keys = [
      op.emptyList,
      op.mark,
      [0x42, littleEndian(1000, 4), new Uint8Array(1000)],
      op.put(0),
      Array.from({ length: 10_000 }, () => [0x68, 0]),
      op.appends,
    ]
    const error = await failure(() => openWeights(torchLegacy(pickle(good), [['0', 6, floats]], keys)))
    expect(error).toBeInstanceOf(MalformedFileError)
    expect(error.message).toMatch(/storage "bytes" is listed, but not described; .*; and 9990 more\.$/)
  })
})
