import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { download } from './download.ts'

async function served(work: (address: string) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => {
    if (request.url === '/a') response.end('abc')
    else response.writeHead(404).end()
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.close()
  }
}

test('the body is what the server sends', () =>
  served(async (address) => {
    expect(await download(`${address}/a`, undefined)).toEqual(Uint8Array.of(97, 98, 99))
  }))

test('its refusal is told, with the address', () =>
  served(async (address) => {
    const error = await download(`${address}/b`, undefined).catch((error) => error)
    expect(error).toMatchObject({
      name: 'DatasetReadError',
      file: `${address}/b`,
      advice: 'Check the address.',
    })
    expect(error.problem).toBe('the server answers 404 Not Found')
  }))

test('an aborted signal ends it with its reason', () =>
  served(async (address) => {
    const reason = new Error('enough')
    await expect(download(`${address}/a`, AbortSignal.abort(reason))).rejects.toBe(reason)
  }))
