import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import * as browser from './platform-browser.ts'
import * as node from './platform-node.ts'

test('both platforms have the same functions', () => {
  expect(Object.keys(browser).sort()).toEqual(Object.keys(node).sort())
})

test('files are fetched', async () => {
  const server = createServer((_, response) => response.end('abc'))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  try {
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/a`)
    expect(await browser.readFileBytes(url, undefined)).toEqual(Uint8Array.of(97, 98, 99))
  } finally {
    server.close()
  }
})

test('folders cannot be read, and the error says what can', async () => {
  const error = await browser.listFiles('cats', undefined).catch((error) => error)
  expect(error).toMatchObject({ name: 'UnsupportedRuntimeError', advice: expect.stringContaining('idx') })
  expect(error.message).toBe('Reading the folder cats in a browser is not possible here.')
  await expect(browser.loadDecoder('a.jpg')).rejects.toThrow(
    'Decoding a.jpg in a browser is not possible here.',
  )
})
