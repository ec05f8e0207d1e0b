import { describe, expect, test } from 'vitest'
import { bytes, littleEndian, op, type Part, pickle, tuple } from '../fixtures/pickle-assembly.ts'
import { unpickle } from './pickle.ts'
import { maxValues } from './pickle-stack.ts'
import {
  PickleDict,
  PickleEnd,
  PickleList,
  PickleObject,
  PickleProblem,
  PickleRefusal,
  PickleTuple,
  type PickleValue,
  type PickleVocabulary,
} from './pickle-values.ts'

const vocabulary: PickleVocabulary = {
  names: new Map<string, ((args: readonly PickleValue[]) => PickleValue) | null>([
    ['m.pair', (args) => new PickleTuple(args)],
    ['m.mentioned', null],
  ]),
  persistent: (id) => new PickleObject(id),
  build: () => {},
}
const load = (...parts: Part[]) => unpickle(pickle(...parts), 0, vocabulary).value
const raw = (...parts: Part[]) => unpickle(bytes(...parts), 0, vocabulary).value

/** As plain JavaScript, tuples as lists. */
function plain(value: PickleValue): unknown {
  if (value instanceof PickleList || value instanceof PickleTuple) return value.items.map(plain)
  if (value instanceof PickleDict)
    return Object.fromEntries([...value.entries()].map(([k, v]) => [plain(k), plain(v)]))
  if (value instanceof PickleObject) return { object: plain(value.content as PickleValue) }
  return value
}

describe('numbers and texts', () => {
  test.each<[string, Part, PickleValue]>([
    ['NONE', op.none, null],
    ['NEWTRUE', 0x88, true],
    ['NEWFALSE', 0x89, false],
    ['BININT', op.int(-7), -7],
    ['BININT1', [0x4b, 255], 255],
    ['BININT2', [0x4d, 1, 2], 513],
    ['LONG1 of no bytes', [0x8a, 0], 0],
    ['LONG1', [0x8a, 1, 0xff], -1],
    ['LONG1 beyond 2^53', op.long(2n ** 60n), 2n ** 60n],
    ['LONG4', [0x8b, 2, 0, 0, 0, 0, 1], 256],
    ['INT', 'I-12\n', -12],
    ['INT true', 'I01\n', true],
    ['INT false', 'I00\n', false],
    ['LONG', 'L123456789012345678901234567890L\n', 123456789012345678901234567890n],
    ['FLOAT', 'F-1.5e3\n', -1500],
    ['FLOAT inf', 'Finf\n', Infinity],
    ['FLOAT nan', 'Fnan\n', Number.NaN],
    ['BINFLOAT', [0x47, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], 1.5],
    ['BINUNICODE', op.text('ключ'), 'ключ'],
    ['SHORT_BINUNICODE', [0x8c, 2, 'ok'], 'ok'],
    ['BINUNICODE8', [0x8d, littleEndian(2, 8), 'ok'], 'ok'],
    ['SHORT_BINSTRING that is UTF-8', [0x55, 2, 'ok'], 'ok'],
    ['BINSTRING that is not', [0x54, littleEndian(1, 4), 0xe9], 'é'],
  ])('%s', (_, part, value) => {
    expect(load(part)).toEqual(value)
  })

  test('bytes are copies', () => {
    expect(load([0x43, 2, 1, 2])).toEqual(Uint8Array.of(1, 2))
    expect(load([0x42, littleEndian(1, 4), 9])).toEqual(Uint8Array.of(9))
    expect(load([0x8e, littleEndian(1, 8), 9])).toEqual(Uint8Array.of(9))
  })
})

describe('containers', () => {
  test('lists, tuples, dictionaries and sets', () => {
    expect(plain(load(op.emptyList, op.int(1), op.append))).toEqual([1])
    expect(plain(load(op.emptyList, op.mark, op.int(1), op.int(2), op.appends))).toEqual([1, 2])
    expect(plain(load(op.mark, op.int(1), 0x6c))).toEqual([1])
    expect(plain(load(tuple(op.int(1), tuple())))).toEqual([1, []])
    expect(plain(load(op.int(1), op.int(2), op.tuple2))).toEqual([1, 2])
    expect(plain(load(op.emptyDict, op.text('a'), op.int(1), op.setItem))).toEqual({ a: 1 })
    expect(plain(load(op.mark, op.text('a'), op.int(1), 0x64))).toEqual({ a: 1 })
    expect(plain(load(0x8f, op.mark, op.int(4), 0x90))).toEqual([4])
    expect(plain(load(op.mark, op.int(4), 0x91))).toEqual([4])
  })

  test('what is remembered is one value, in every way of remembering', () => {
    for (const [put, get] of [
      [
        [0x71, 0],
        [0x68, 0],
      ],
      [op.put(0), op.get(0)],
      ['p0\n', 'g0\n'],
      [op.memoize, [0x68, 0]],
    ] as const) {
      const value = load(op.emptyList, put, get, op.tuple2) as PickleTuple
      expect(value.items[0]).toBe(value.items[1])
    }
  })

  test('a list that holds itself is made', () => {
    const value = load(op.emptyList, op.put(0), op.get(0), op.append) as PickleList
    expect(value.items[0]).toBe(value)
  })

  test('DUP, POP, POP_MARK, FRAME and every protocol up to 5', () => {
    expect(plain(load(op.int(1), 0x32, op.tuple2))).toEqual([1, 1])
    expect(load(op.int(1), op.int(2), op.pop)).toBe(1)
    expect(load(op.int(1), op.mark, op.int(2), 0x31)).toBe(1)
    expect(load(op.int(1), op.mark, op.pop)).toBe(1)
    expect(load(0x95, littleEndian(2, 8), op.none)).toBe(null)
    for (let version = 0; version <= 5; version++) expect(raw(op.proto(version), op.none, op.stop)).toBe(null)
  })

  test('a pickle ends at its STOP, whatever follows', () => {
    expect(unpickle(bytes('xx', pickle(op.none), 'xx'), 2, vocabulary)).toEqual({ value: null, end: 6 })
  })
})

describe('names', () => {
  test('a permitted one makes data, by each opcode that calls', () => {
    const global = op.global('m', 'pair')
    const args = tuple(op.int(1))
    expect(plain(load(global, args, op.reduce))).toEqual([1])
    expect(plain(load(global, args, op.newObject))).toEqual([1])
    expect(plain(load(global, args, op.emptyDict, op.newObjectWithNames))).toEqual([1])
    expect(plain(load(op.mark, op.int(1), op.instance('m', 'pair')))).toEqual([1])
    expect(plain(load(op.mark, global, op.int(1), op.object))).toEqual([1])
    expect(plain(load(op.text('m'), op.text('pair'), op.stackGlobal, args, op.reduce))).toEqual([1])
  })

  test('one that may be mentioned may not be called', () => {
    const refusal = () => load(op.global('m', 'mentioned'), op.emptyTuple, op.reduce)
    expect(refusal).toThrow(PickleRefusal)
    expect(refusal).toThrow('m.mentioned')
    expect(load(op.global('m', 'mentioned'))).toMatchObject({ name: 'm.mentioned' })
  })

  const evil = [
    ['builtins', 'eval'],
    ['__builtin__', 'eval'],
    ['builtins', 'exec'],
    ['builtins', 'getattr'],
    ['builtins', '__import__'],
    ['os', 'system'],
    ['posix', 'system'],
    ['nt', 'system'],
    ['subprocess', 'Popen'],
    ['runpy', '_run_code'],
    ['torch.hub', 'load'],
    ['torch', 'load'],
    ['numpy', 'load'],
    ['_pickle', 'loads'],
    ['m.pair', ''],
    ['', 'm.pair'],
    ['M', 'pair'],
    ['__proto__', 'constructor'],
    ['constructor', 'prototype'],
  ] as const

  test.each(evil)('%s.%s is refused by name, by each opcode that names', (module, name) => {
    const args = tuple(op.text('rm -rf /'))
    const named: Part[] = [op.text(module), op.text(name), op.stackGlobal]
    for (const parts of [
      [op.global(module, name), args, op.reduce],
      [op.global(module, name)],
      [named, args, op.reduce],
      [named, args, op.newObject],
      [named, args, op.emptyDict, op.newObjectWithNames],
      [op.mark, op.text('x'), op.instance(module, name)],
      [op.mark, named, op.text('x'), op.object],
      [named, args, op.reduce, op.none, op.build],
      [named, args, op.reduce, op.text('a'), op.append],
      [named, args, op.reduce, op.text('a'), op.none, op.setItem],
    ]) {
      const error = caught(() => load(...parts))
      expect(error).toBeInstanceOf(PickleRefusal)
      expect((error as PickleRefusal).globals).toEqual([`${module}.${name}`])
    }
  })

  test('every extension is refused by its number', () => {
    expect((caught(() => load(0x82, 7)) as PickleRefusal).globals).toEqual(['copyreg.extension.7'])
    expect((caught(() => load(0x83, 1, 1)) as PickleRefusal).globals).toEqual(['copyreg.extension.257'])
    expect((caught(() => load(0x84, 1, 0, 0, 1)) as PickleRefusal).globals).toEqual([
      'copyreg.extension.16777217',
    ])
  })

  test('all refused names are told in one error, a hundred at most', () => {
    const many = Array.from({ length: 150 }, (_, i) => [op.global('os', `f${i}`), op.pop])
    const { globals } = caught(() => load(many, op.none)) as PickleRefusal
    expect(globals).toHaveLength(100)
    expect(globals.slice(0, 2)).toEqual(['os.f0', 'os.f1'])
    const long = caught(() => load(op.global('os', 'x'.repeat(5000)))) as PickleRefusal
    expect(long.globals[0]).toHaveLength(200)
  })

  test('a refused name is told though what follows makes no sense without it', () => {
    expect(caught(() => load(op.global('os', 'system'), op.append))).toBeInstanceOf(PickleRefusal)
  })
})

describe('pickles that break the rules', () => {
  test.each<[string, Part, string]>([
    ['nothing on the stack', [], 'it takes a value that is not there'],
    ['two values at the end', [op.none, op.none], 'it leaves values behind'],
    ['a mark at the end', [op.mark, op.none], 'it leaves values behind'],
    ['no mark to go back to', [op.none, op.tuple], 'it goes back to a mark that is not there'],
    ['a value below the mark', [op.none, op.mark, op.append], 'it takes a value that is not there'],
    ['an item of a number', [op.int(1), op.int(2), op.append], 'it appends to 1'],
    ['an entry of a list', [op.emptyList, op.int(1), op.int(2), op.setItem], 'it sets items of a list'],
    [
      'a key without a value',
      [op.emptyDict, op.mark, op.int(1), op.setItems],
      'it sets a key without a value',
    ],
    ['a value never remembered', op.get(5), 'it recalls value 5, which it did not remember'],
    ['a call of a text', [op.text('eval'), op.emptyTuple, op.reduce], 'it calls a text'],
    [
      'arguments that are no tuple',
      [op.global('m', 'pair'), op.emptyList, op.reduce],
      'the arguments of a name are no tuple',
    ],
    [
      'named arguments',
      [
        op.global('m', 'pair'),
        op.emptyTuple,
        op.emptyDict,
        op.int(1),
        op.int(1),
        op.setItem,
        op.newObjectWithNames,
      ],
      'it gives named arguments, which nothing permitted takes',
    ],
    [
      'named arguments that are no dictionary',
      [op.global('m', 'pair'), op.emptyTuple, op.none, op.newObjectWithNames],
      'named arguments are no dictionary',
    ],
    ['a name that is a number', [op.int(1), op.text('a'), op.stackGlobal], 'a name is no text'],
    ['a state for a number', [op.int(1), op.none, op.build], 'it gives a state to 1'],
    ['protocol 6', [0x80, 6], 'its protocol is 6, the newest is 5'],
    ['an opcode of nothing', 0xff, 'byte 2 is 0xff, which is no permitted opcode'],
    ['a buffer outside the file', 0x97, 'byte 2 is 0x97, which is no permitted opcode'],
    ['a text that is not UTF-8', [0x8c, 1, 0xff], 'a text at byte 4 is not UTF-8'],
    ['a number without digits', 'Ix\n', 'it holds a whole number without digits'],
    ['a float without digits', 'F1e--\n', 'it holds a number without digits'],
    [
      'a whole number of too many bytes',
      [0x8b, littleEndian(300, 4), new Uint8Array(300)],
      'it holds a whole number of 300 bytes',
    ],
    ['a line without an end', ['c', 'x'.repeat(70_000)], 'a line of it does not end'],
  ])('%s', (_, part, message) => {
    const error = caught(() => load(part))
    expect(error).toBeInstanceOf(PickleProblem)
    expect(error.message).toBe(message)
  })

  test.each<[string, Part]>([
    ['in the middle of a number', [0x4a, 1, 2]],
    ['in the middle of a text', [0x58, littleEndian(2 ** 31, 4), 'x']],
    ['in a text of 2^62 bytes', [0x8d, littleEndian(2n ** 62n, 8)]],
    ['in bytes of 2^63 bytes', [0x8e, littleEndian(2n ** 63n, 8)]],
    ['in the middle of a line', 'cmodule'],
    ['before the STOP', op.none],
    ['in a whole number', [0x8a, 5, 1]],
    ['at its beginning', []],
  ])('the end comes %s', (_, part) => {
    const error = caught(() => raw(part))
    expect(error).toBeInstanceOf(PickleEnd)
  })
})

describe('pickles that ask for more than they are', () => {
  const many = 1_100_000
  test.each<[string, Part, RegExp]>([
    ['empty lists', [new Uint8Array(many).fill(0x5d)], /more than 1048576 values/],
    ['marks', [new Uint8Array(many).fill(0x28)], /more than 1048576 marks/],
    [
      'copies of the top of the stack',
      [op.none, new Uint8Array(many).fill(0x32)],
      /deeper than 1048576 values/,
    ],
    [
      'references to a storage',
      [op.none, new Uint8Array(3 * many).map((_, i) => [0x32, 0x51, 0x30][i % 3] as number)],
      /more than 1048576 values/,
    ],
  ])('%s', (_, part, message) => {
    expect(() => raw(part, op.stop)).toThrow(message)
  })

  test('places to remember', () => {
    const puts = new Uint8Array(5 * many)
    const view = new DataView(puts.buffer)
    for (let i = 0; i < many; i++) {
      view.setUint8(5 * i, 0x72)
      view.setUint32(5 * i + 1, i, true)
    }
    expect(() => raw(op.none, puts, op.stop)).toThrow(/remembers more than 1048576 values/)
  })

  test('one long list, handed to a name again and again', () => {
    const list = [op.emptyList, op.mark, new Uint8Array(100_000).fill(0x4e), op.appends]
    const call = [op.global('m', 'pair'), op.put(0), op.pop, list, op.tuple1, op.put(1), op.pop]
    const again = Array.from({ length: 1000 }, () => [0x68, 0, 0x68, 1, op.reduce, op.pop])
    const began = performance.now()
    expect(() => load(call, again, op.none)).toThrow(/more than 1048576 values/)
    expect(performance.now() - began).toBeLessThan(3000)
  })

  test('less than that is fine', () => {
    expect(
      (load(op.emptyList, op.mark, new Uint8Array(maxValues / 2).fill(0x4e), op.appends) as PickleList).items,
    ).toHaveLength(maxValues / 2)
  })
})

function caught(action: () => unknown): Error {
  try {
    action()
  } catch (error) {
    return error as Error
  }
  throw new Error('It did not fail.')
}
