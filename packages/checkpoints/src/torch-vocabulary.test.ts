import { describe, expect, test } from 'vitest'
import { dictionary, op, type Part, pickle, storage, tensor, tuple } from '../fixtures/pickle-assembly.ts'
import { failure } from '../fixtures/read.ts'
import { floats, good, inLegacy, inZip, matrix, problem, stored } from '../fixtures/six-floats.ts'
import { torchLegacy } from '../fixtures/torch-files.ts'
import { RefusedGlobalError } from './errors.ts'
import { openWeights } from './open-weights.ts'
import { readWeights } from './read-weights.ts'

/** PyTorch files that no PyTorch writes. */

test('what is put together by hand is read, in both forms', async () => {
  for (const file of [inZip(good), inLegacy(good)])
    expect([...((await readWeights(file)).tensors.get('w')?.data ?? [])]).toEqual([1, 2, 3, 4, 5, 6])
})

describe('names', () => {
  const harmful = [
    ['os', 'system'],
    ['builtins', 'eval'],
    ['torch', 'load'],
    ['torch.storage', '_load_from_bytes'],
    ['torch.jit', 'load'],
    ['torch._utils', '_rebuild_device_tensor_from_numpy'],
    ['torch._utils', '_rebuild_qtensor'],
    ['torch._utils', '_rebuild_sparse_tensor'],
    ['torch', 'ComplexFloatStorage'],
    ['torch', 'QInt8Storage'],
    ['torch', 'Storage'],
    ['torch.nn.modules.container', 'Sequential'],
    ['numpy.core.multiarray', '_reconstruct'],
    ['numpy', 'ndarray'],
    ['collections', 'defaultdict'],
    ['argparse', 'Namespace'],
    ['_codecs', 'decode'],
    ['webbrowser', 'open'],
  ] as const

  test.each(harmful)('%s.%s is refused by name', async (module, name) => {
    for (const part of [op.global(module, name), [op.global(module, name), tuple(op.text('x')), op.reduce]])
      for (const file of [inZip(dictionary({ a: part })), inLegacy(dictionary({ a: part }))]) {
        const error = await failure(() => openWeights(file))
        expect(error).toBeInstanceOf(RefusedGlobalError)
        expect((error as RefusedGlobalError).globals).toEqual([`${module}.${name}`])
      }
  })

  test.each([
    ['torch', 'FloatStorage'],
    ['torch.nn.parameter', 'Parameter'],
    ['torch', 'float32'],
  ])('%s.%s may be mentioned, not called', async (module, name) => {
    const part = dictionary({ a: op.global(module, name) })
    expect((await readWeights(inZip(part))).values).toEqual({ a: `${module}.${name}` })
    const called = dictionary({ a: [op.global(module, name), op.emptyTuple, op.reduce] })
    expect(await failure(() => openWeights(inZip(called)))).toBeInstanceOf(RefusedGlobalError)
  })

  test('the small pickles of a legacy file may name nothing at all', async () => {
    const keys = [op.global('collections', 'OrderedDict'), op.emptyTuple, op.reduce]
    const error = await failure(() => openWeights(torchLegacy(pickle(good), [['0', 6, floats]], keys)))
    expect(error).toBeInstanceOf(RefusedGlobalError)
  })
})

describe('tensors that contradict their storage', () => {
  const of = (view: { offset?: number; shape: number[]; strides: number[] }) =>
    dictionary({ w: tensor(stored, view) })
  test.each<[string, Part, string]>([
    ['too long', of({ shape: [7], strides: [1] }), '"w" needs 28 bytes of a storage that has 24.'],
    [
      'offset too far',
      of({ offset: 1, shape: [6], strides: [1] }),
      '"w" needs 28 bytes of a storage that has 24.',
    ],
    ['stride too wide', of({ shape: [2], strides: [6] }), '"w" needs 28 bytes of a storage that has 24.'],
    ['unequal sizes and strides', of({ shape: [2, 3], strides: [1] }), '"w" has 2 sizes and 1 strides.'],
    [
      'an impossible shape',
      of({ shape: [2 ** 30, 2 ** 30], strides: [0, 0] }),
      '"w" has the impossible shape [1073741824,1073741824].',
    ],
    ['a negative stride', of({ shape: [2], strides: [-1] }), 'the strides of a tensor is -1.'],
    ['a negative size', of({ shape: [-1], strides: [1] }), 'the shape of a tensor is -1.'],
    ['a negative offset', of({ offset: -1, shape: [1], strides: [1] }), 'the offset of a tensor is -1.'],
    [
      '65 dimensions',
      of({ shape: new Array(65).fill(1), strides: new Array(65).fill(1) }),
      'the shape of a tensor has 65 dimensions.',
    ],
  ])('%s', async (_, part, message) => {
    expect(await problem(part)).toBe(message)
  })

  test.each<[string, Part, string]>([
    ['a storage that is a number', tensor(op.int(3), matrix), 'a tensor has 3 for its storage.'],
    [
      'a reference that is a text',
      [op.text('a'), op.persistent],
      'it refers to a text instead of a storage.',
    ],
    [
      'a reference to something else',
      [tuple(op.text('module')), op.persistent],
      'it refers to a text instead of a storage.',
    ],
    [
      'a storage of an unknown class',
      [tuple(op.text('storage'), op.text('Float'), op.text('0'), op.text('cpu'), op.int(6)), op.persistent],
      'the class of a storage is a text.',
    ],
    [
      'a storage without a key',
      [
        tuple(op.text('storage'), op.global('torch', 'FloatStorage'), op.none, op.text('cpu'), op.int(6)),
        op.persistent,
      ],
      'a storage has no key.',
    ],
    [
      'a storage with an endless key',
      storage('FloatStorage', 'k'.repeat(101), 6),
      'the key of a storage is longer than 100 characters.',
    ],
    ['a storage of a negative length', storage('FloatStorage', '0', -1n), 'the length of a storage is -1.'],
    [
      'one storage of two lengths',
      [stored, op.pop, storage('FloatStorage', '0', 5)],
      'storage 0 is described in two ways.',
    ],
    [
      'one storage of two dtypes',
      [stored, op.pop, storage('IntStorage', '0', 6)],
      'storage 0 is described in two ways.',
    ],
    [
      'an OrderedDict of a number',
      [op.global('collections', 'OrderedDict'), tuple(op.int(1)), op.reduce],
      'an OrderedDict is made of 1.',
    ],
    [
      'an OrderedDict of halves',
      [
        op.global('collections', 'OrderedDict'),
        tuple([op.emptyList, tuple(op.int(1)), op.append]),
        op.reduce,
      ],
      'an OrderedDict has an item without value.',
    ],
    [
      'a parameter of a number',
      [op.global('torch._utils', '_rebuild_parameter'), tuple(op.int(1)), op.reduce],
      'a parameter is made of 1.',
    ],
    [
      'bytes in another encoding',
      [op.global('_codecs', 'encode'), tuple(op.text('x'), op.text('utf-8')), op.reduce],
      'bytes are encoded in no known way.',
    ],
    [
      'bytes beyond 255',
      [op.global('_codecs', 'encode'), tuple(op.text('ж'), op.text('latin1')), op.reduce],
      'bytes are encoded as characters beyond 255.',
    ],
    [
      'a device that is a number',
      [op.global('torch', 'device'), tuple(op.int(1)), op.reduce],
      'a device is 1.',
    ],
    [
      'a numpy dtype that numbers do not have',
      [op.global('numpy', 'dtype'), tuple(op.text('O8')), op.reduce],
      'a number of numpy has the dtype a text.',
    ],
  ])('%s', async (_, part, message) => {
    expect(await problem(dictionary({ a: part }))).toBe(message)
  })
})
