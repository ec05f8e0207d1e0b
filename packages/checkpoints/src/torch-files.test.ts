import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { expected, expectTensor, failure, fixture } from '../fixtures/read.ts'
import { RefusedGlobalError } from './errors.ts'
import { openWeights } from './open-weights.ts'
import { readWeights } from './read-weights.ts'

/** Files that PyTorch 2.13 wrote, see `fixtures/make.py`. */

const torch = expected('torch.json')

const files = [
  'torch-protocol-2.pt',
  'torch-protocol-4.pt',
  'torch-protocol-5.pt',
  'torch-legacy.pt',
] as const

test.each(files)('%s: every tensor to the last bit', async (name) => {
  const { tensors } = await readWeights(fixture(name))
  expect([...tensors.keys()]).toEqual(Object.keys(torch))
  for (const [path, wanted] of Object.entries(torch)) expectTensor(tensors.get(path), wanted, path)
})

test.each(files)('%s: every plain value', async (name) => {
  const { values } = await readWeights(fixture(name))
  expect(values).toEqual({
    model: {},
    parameters: {},
    unsigned: {},
    history: { 1: 2.5 },
    step: 2 ** 40,
    huge: 2n ** 80n,
    size: [2, 3],
    dtype: 'torch.float16',
    device: 'cpu',
    bytes: Uint8Array.of(0, 255),
    seen: [7],
    best: 0.25,
    count: -3,
    nested: { 1: { two: [3, null, false] } },
    ['__proto__']: 'text',
  })
  expect(Object.getPrototypeOf(values)).toBe(null)
})

test('parameters that are tied are told, and are one array when all are read', async () => {
  const reader = await openWeights(fixture('torch-protocol-2.pt'))
  expect(reader.tensors.get('parameters.weight')?.sameAs).toBe('model.weight')
  expect(reader.tensors.get('tied')?.sameAs).toBe('model.weight')
  await reader.close()
  const { tensors } = await readWeights(fixture('torch-legacy.pt'))
  expect(tensors.get('tied')).toBe(tensors.get('model.weight'))
})

test('a file of a big-endian machine, under a deeper folder, with sizes of 64 bits', async () => {
  const { tensors, values } = await readWeights(fixture('torch-big-endian.pt'))
  expect([...tensors.keys()]).toEqual(['model.weight', 'model.bias', 'history.0', 'history.2', 'permuted'])
  for (const [path, tensor] of tensors) expectTensor(tensor, torch[path]!, path)
  expect(values.step).toBe(2 ** 40)
})

test('a file of one tensor alone', async () => {
  const { tensors, values } = await readWeights(fixture('torch-tensor.pt'))
  expectTensor(tensors.get('tensor'), torch['model.weight']!, 'tensor')
  expect(values).toEqual({})
})

test('a whole module is refused: its class would have to be called', async () => {
  const error = (await failure(() => openWeights(fixture('torch-module.pt')))) as RefusedGlobalError
  expect(error).toBeInstanceOf(RefusedGlobalError)
  expect(error.globals).toEqual(['torch.nn.modules.linear.Linear'])
  expect(error.message).toMatch(
    /torch-module\.pt asks for names that tensors do not need, and was refused: torch\.nn\.modules\.linear\.Linear\.$/,
  )
  expect(error.advice).toMatch(/torch\.save\(model\.state_dict\(\)/)
})

test('from bytes, a Blob and a path it is the same', async () => {
  const bytes = readFileSync(fixture('torch-protocol-2.pt'))
  const [first, second] = [await readWeights(new Blob([bytes])), await readWeights(bytes)]
  for (const [path, wanted] of Object.entries(torch)) {
    expectTensor(first.tensors.get(path), wanted, path)
    expectTensor(second.tensors.get(path), wanted, path)
  }
})

test('a Buffer of Node at any place in its memory is read, and left as it is', async () => {
  for (const name of ['torch-legacy.pt', 'torch-big-endian.pt']) {
    const file = readFileSync(fixture(name))
    for (let shift = 0; shift < 8; shift++) {
      const memory = Buffer.alloc(file.length + 8)
      const shifted = memory.subarray(shift, shift + file.length)
      file.copy(shifted)
      const { tensors } = await readWeights(shifted)
      for (const [path, tensor] of tensors) expectTensor(tensor, torch[path]!, path)
      expect(Buffer.compare(shifted, file)).toBe(0)
    }
  }
})

test('only a part of the names', async () => {
  const { tensors, values } = await readWeights(fixture('torch-protocol-4.pt'), { under: 'model' })
  expect([...tensors.keys()]).toEqual(['weight', 'bias'])
  expect(values).toEqual({})
})
