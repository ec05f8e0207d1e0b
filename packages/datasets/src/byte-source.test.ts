import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { nameOf, readBytes } from './byte-source.ts'

const bytes = Uint8Array.of(1, 2, 3)

test('bytes come from a path, a URL, a blob, or are given', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bytes-'))
  try {
    const path = join(folder, 'a')
    await writeFile(path, bytes)
    for (const source of [path, pathToFileURL(path), new Blob([bytes]), new File([bytes], 'a'), bytes]) {
      expect(await readBytes(source)).toEqual(bytes)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('bytes come from a server, and its refusal is told', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/a') response.end(bytes)
    else response.writeHead(404).end()
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  try {
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    expect(await readBytes(`${address}/a`)).toEqual(bytes)
    expect(await readBytes(new URL(`${address}/a`))).toEqual(bytes)
    const error = await readBytes(`${address}/b`).catch((error) => error)
    expect(error).toMatchObject({ name: 'DatasetReadError', file: `${address}/b` })
    expect(error.problem).toBe('the server answers 404 Not Found')
  } finally {
    server.close()
  }
})

test('what cannot be read is named, with the cause', async () => {
  const error = await readBytes('/no/such/file').catch((error) => error)
  expect(error).toMatchObject({ name: 'DatasetReadError', file: '/no/such/file', cause: { code: 'ENOENT' } })
  expect(error.message).toMatch(/^\/no\/such\/file cannot be read: ENOENT/)
})

test('an aborted signal ends the reading with its reason', async () => {
  const reason = new Error('enough')
  await expect(readBytes('/no/such/file', AbortSignal.abort(reason))).rejects.toBe(reason)
  const controller = new AbortController()
  const reading = readBytes('/no/such/file', controller.signal)
  controller.abort(reason)
  await expect(reading).rejects.toBe(reason)
})

test('errors speak of a source by its path, address or name, else by what it is for', () => {
  expect(nameOf('a/b', 'images')).toBe('a/b')
  expect(nameOf(new URL('https://example.org/b'), 'images')).toBe('https://example.org/b')
  expect(nameOf(new File([], 'c'), 'images')).toBe('c')
  expect(nameOf(new Blob(), 'images')).toBe('images')
  expect(nameOf(bytes, 'images')).toBe('images')
})
