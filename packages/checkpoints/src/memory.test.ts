import { createReadStream, openAsBlob } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collect } from '@guided-diffusion/tooling/garbage'
import { afterAll, expect, test } from 'vitest'
import {
  dictionary,
  littleEndian,
  op,
  type Part,
  pickle,
  storage,
  tensor,
} from '../fixtures/pickle-assembly.ts'
import { openWeights } from './open-weights.ts'
import { readWeights } from './read-weights.ts'
import { saveSafetensors } from './safetensors-write.ts'
import { type PackedEntry, zipDirectory, zipLocalHeader } from './zip-writer.ts'

/** A file of 300 MB is read with little more memory than itself; 2 GB behave the same, see `docs/checkpoints.md`. */

const folder = await mkdtemp(join(tmpdir(), 'memory-'))
afterAll(() => rm(folder, { recursive: true }))

const count = 30
const names = Array.from({ length: count }, (_, i) => `block.${i}.weight`)

function state(elements: number): Part {
  const tensors = names.map((name, i) => {
    const stored = storage('FloatStorage', String(i), elements)
    return [name, tensor(stored, { shape: [elements / 1000, 1000], strides: [1000, 1] })] as const
  })
  return dictionary(Object.fromEntries(tensors))
}

/** Writes pieces at their places; the rest are holes, which read as zeros and take no disk. */
async function sparse(name: string, size: number, parts: readonly (readonly [number, Uint8Array])[]) {
  const path = join(folder, name)
  const file = await open(path, 'w')
  await file.truncate(size)
  for (const [at, part] of parts) await file.write(part, 0, part.length, at)
  await file.close()
  return { path, size }
}

async function zipForm(elements: number) {
  const description = pickle(state(elements))
  const parts: [number, Uint8Array][] = []
  const entries: PackedEntry[] = []
  let offset = 0
  for (const [key, size] of [
    ['data.pkl', description.length],
    ...names.map((_, i) => [`data/${i}`, 4 * elements]),
  ] as const) {
    const entry: PackedEntry = {
      name: `archive/${key}`,
      method: 'stored',
      crc: 0,
      size: Number(size),
      packedSize: Number(size),
      offset,
      packed: [],
    }
    const head = zipLocalHeader(entry)
    parts.push([offset, head])
    if (key === 'data.pkl') parts.push([offset + head.length, description])
    offset += head.length + Number(size)
    entries.push(entry)
  }
  const tail = zipDirectory(entries, offset)
  return sparse(`zip-${elements}.pt`, offset + tail.length, [...parts, [offset, tail]])
}

async function legacyForm(elements: number) {
  const magic = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]
  const keys = [op.emptyList, op.mark, names.map((_, i) => op.text(String(i))), op.appends]
  const parts: [number, Uint8Array][] = []
  let offset = 0
  for (const part of [
    pickle(magic),
    pickle(op.int(1001)),
    pickle(op.emptyDict),
    pickle(state(elements)),
    pickle(keys),
  ]) {
    parts.push([offset, part])
    offset += part.length
  }
  for (const _ of names) {
    parts.push([offset, littleEndian(elements, 8)])
    offset += 8 + 4 * elements
  }
  return sparse(`legacy-${elements}.pt`, offset, parts)
}

/** Runs an action and tells the most memory that arrays took, beyond what they took before. */
async function peak(action: (look: () => void) => Promise<unknown>): Promise<number> {
  collect()
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  await action(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before)
  })
  return most
}

const mega = 10 ** 6

test.each([
  ['zip form', await zipForm(2.5 * mega), 300 * mega],
  ['legacy form', await legacyForm(0.5 * mega), 60 * mega],
])('%s: all tensors from a path take less than 1.3 times the file', async (_, { path, size }, least) => {
  expect(size).toBeGreaterThan(least)
  const most = await peak(async (look) => {
    const { tensors } = await readWeights(path, { onProgress: look })
    expect([...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0)).toBe(least)
  })
  expect(most / size).toBeGreaterThan(0.99)
  expect(most / size).toBeLessThan(1.3)
})

const small = await zipForm(0.5 * mega)

test('from a Blob too, as a page has it', async () => {
  const blob = await openAsBlob(small.path)
  const most = await peak((look) =>
    readWeights(blob, {
      onProgress: () => {
        // what the blob was read through is garbage by now
        collect()
        look()
      },
    }),
  )
  expect(most / small.size).toBeGreaterThan(0.99)
  expect(most / small.size).toBeLessThan(1.3)
})

test('and from a server that sends ranges', async () => {
  const { path, size } = small
  const server = createServer((request, response) => {
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
    const [start, end] = [Number(from), Math.min(Number(to), size - 1)]
    response.writeHead(206, {
      'content-range': `bytes ${start}-${end}/${size}`,
      'content-length': end + 1 - start,
    })
    createReadStream(path, { start, end }).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  try {
    const most = await peak((look) =>
      readWeights(`http://127.0.0.1:${port}/`, {
        onProgress: () => {
          // the pieces that the network brought are garbage by now
          collect()
          look()
        },
      }),
    )
    expect(most / size).toBeLessThan(1.3)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('another format is written with no more than a few tensors in memory', async () => {
  const reader = await openWeights(small.path)
  const target = join(folder, 'half.safetensors')
  let written = 0
  const most = await peak((look) =>
    saveSafetensors(target, reader, {
      dtype: 'float16',
      onProgress: ({ loaded }) => {
        written = loaded
        collect()
        look()
      },
    }),
  )
  await reader.close()
  expect(written).toBeGreaterThan(30 * mega)
  expect(most / small.size).toBeLessThan(0.2)
})
