import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer as createHttpServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { createServer, defaultClientConditions, type InlineConfig, mergeConfig } from 'vite'

/** A running server. */
export interface Served {
  /** With a slash at its end. */
  readonly address: string
  close(): Promise<void>
}

/** What makes a page `crossOriginIsolated`, which threads of WebAssembly need. */
export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

/** Serves a folder's pages by Vite, with the sources of our packages as they are: no build is needed but that of gradients. */
export async function serveSource(root: string, config: InlineConfig = {}): Promise<Served> {
  const ours: InlineConfig = {
    root,
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@guided-diffusion/source', ...defaultClientConditions] },
    server: { headers: isolation, host: '127.0.0.1', port: 0, hmr: false, watch: null },
  }
  const server = await createServer(mergeConfig(ours, config))
  await server.listen()
  return { address: `http://127.0.0.1:${portOf(server.httpServer as Server)}/`, close: () => server.close() }
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
}

/** Serves a folder of finished files, as a plain web server does. */
export async function serveFolder(
  folder: string,
  { headers = isolation, port = 0 }: { headers?: Readonly<Record<string, string>>; port?: number } = {},
): Promise<Served> {
  const server = createHttpServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname)
    const file = join(folder, normalize(path.endsWith('/') ? `${path}index.html` : path))
    const size = await stat(file).then(
      (entry) => (entry.isFile() ? entry.size : undefined),
      () => undefined,
    )
    if (size === undefined) {
      response.writeHead(404, headers).end()
      return
    }
    const type = types[extname(file)] ?? 'application/octet-stream'
    response.writeHead(200, { ...headers, 'Content-Type': type, 'Content-Length': size })
    createReadStream(file).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    address: `http://127.0.0.1:${portOf(server)}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const portOf = (server: Server) => (server.address() as AddressInfo).port
