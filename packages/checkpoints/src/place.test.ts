import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { failure, fixture } from '../fixtures/read.ts'
import { bytesOf } from './dtype.ts'
import { TensorNotFoundError } from './errors.ts'
import { openWeights } from './open-weights.ts'

/** The tensors of a file that lie in it as they are read, after a comparison of each with the bytes of the file. */
async function placed(name: string, under?: string): Promise<Map<string, boolean>> {
  const file = readFileSync(fixture(name))
  const reader = await openWeights(fixture(name), { under })
  const found = new Map<string, boolean>()
  for (const tensor of reader.tensors.keys()) {
    const place = await reader.place(tensor)
    found.set(tensor, place !== undefined)
    if (!place) continue
    const { data } = await reader.read(tensor)
    const there = file.subarray(place.offset, place.offset + place.length)
    expect(there.equals(bytesOf(data)), tensor).toBe(true)
  }
  expect(await failure(() => reader.place('no such tensor'))).toBeInstanceOf(TensorNotFoundError)
  await reader.close()
  return found
}

const ofThem = (found: Map<string, boolean>, is: boolean) =>
  [...found].flatMap(([name, lies]) => (lies === is ? [name] : []))

test.each(['python.safetensors', 'numpy.safetensors'])('%s: all tensors but empty ones', async (name) => {
  const found = await placed(name)
  expect(ofThem(found, true).length).toBeGreaterThan(10)
  expect(ofThem(found, false).every((tensor) => /empty/.test(tensor))).toBe(true)
})

test.each(['torch-protocol-2.pt', 'torch-protocol-5.pt', 'torch-legacy.pt'])(
  '%s: tensors that lie row by row, and no others',
  async (name) => {
    const found = await placed(name)
    expect(ofThem(found, true).length).toBeGreaterThan(10)
    expect(ofThem(found, false)).toEqual(['permuted'])
  },
)

test('under a path the names are shorter, the places the same', async () => {
  const whole = await placed('torch-protocol-2.pt')
  const first = ofThem(whole, true).find((name) => name.includes('.')) as string
  const path = first.split('.')[0] as string
  const part = await placed('torch-protocol-2.pt', path)
  expect(part.get(first.slice(path.length + 1))).toBe(true)
})

test.each(['torch-big-endian.pt', 'numpy.npz', 'numpy.npy'])('%s: none of more than a byte', async (name) => {
  const reader = await openWeights(fixture(name))
  const wide = [...reader.tensors].filter(([, { dtype }]) => !/8$|bool/.test(dtype))
  expect(wide.length).toBeGreaterThan(0)
  for (const [tensor] of wide) expect(await reader.place(tensor)).toBeUndefined()
  await reader.close()
})
