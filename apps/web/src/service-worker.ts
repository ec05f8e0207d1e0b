/**
 * Keeps the page for visits without a network. The small files are fetched at once; engines and weights are large, and are
 * kept when they are first used. Every answer is given the headers that let WebAssembly have threads, which static hosts
 * do not send.
 *
 * The first one takes the open page at once. One of a later build waits, as browsers have it where nobody calls
 * `skipWaiting`, until no page of the build before is open: those load scripts when they need them, which are in the cache
 * of that build and may be gone from the server.
 */

/** What TypeScript's library for pages lacks of a service worker's scope. */
interface Scope {
  readonly registration: { readonly scope: string }
  readonly clients: { claim(): Promise<void> }
  addEventListener(type: 'install' | 'activate', listener: (event: Lasting) => void): void
  addEventListener(type: 'fetch', listener: (event: Fetching) => void): void
  addEventListener(type: 'message', listener: (event: Lasting & { data: unknown }) => void): void
}
interface Lasting {
  waitUntil(promise: Promise<unknown>): void
}
interface Fetching extends Lasting {
  readonly request: Request
  respondWith(response: Promise<Response>): void
}
const scope = globalThis as unknown as Scope

/** Of all builds under this address: a copy of the page elsewhere on the host has caches of its own. */
const prefix = `guided-diffusion-page-${new URL(scope.registration.scope).pathname}-`
const cacheName = `${prefix}__BUILD_VERSION__`
const files = '__BUILD_FILES__'.split(',')
/** Too large to be fetched before anybody wants them. */
const large = /\.(wasm|safetensors)$/
const engines = files.filter((name) => name.endsWith('.wasm'))

const here = (name: string) => new URL(name, scope.registration.scope).href

scope.addEventListener('install', (event) => event.waitUntil(install()))

async function install(): Promise<void> {
  const cache = await caches.open(cacheName)
  // its name has no hash: what the browser has of it may be an older one
  const page = await fetch(new Request(here('./'), { cache: 'reload' }))
  const named = (await page.clone().text()).match(/\bassets\/[\w.-]+/g) ?? []
  const others = named.filter((name) => !files.includes(name))
  if (!page.ok || named.length === 0 || others.length > 0)
    throw new Error(
      'The server has a page that is not of this build; the browser tries again at a later visit.',
    )
  const small = files.filter((name) => !large.test(name)).map(here)
  await Promise.all(
    small.map(async (address) => {
      const response = await fetch(address)
      if (!isWhole(response)) throw new Error(`The server lacks ${address}.`)
      await cache.put(address, response)
    }),
  )
  await cache.put(here('./'), page)
}

scope.addEventListener('activate', (event) =>
  event.waitUntil(forgetOthers().then(() => scope.clients.claim())),
)

/** Deletes the caches of builds before, but for the engines that are those of this one. */
async function forgetOthers(): Promise<void> {
  const names = (await caches.keys()).filter((name) => name.startsWith(prefix) && name !== cacheName)
  for (const name of names) {
    const cache = await caches.open(name)
    for (const address of engines.map(here)) {
      const response = await cache.match(address)
      if (response) await keep(address, response)
    }
    await caches.delete(name)
  }
}

/** The page tells which files its engine needed, of which this worker has not seen all. */
scope.addEventListener('message', (event) => {
  const { used } = (event.data ?? {}) as { used?: readonly string[] }
  if (used) event.waitUntil(keepEngines(used))
})

async function keepEngines(used: readonly string[]): Promise<void> {
  const kinds = new Set(engines.filter((name) => used.includes(here(name))).map(engineKind))
  for (const address of engines.filter((name) => kinds.has(engineKind(name))).map(here)) {
    if (await kept(address)) continue
    const response = await fetch(address).catch(() => undefined)
    if (response && isWhole(response)) await keep(address, response)
  }
}

/** With threads or without: the page that used the one may have been without them, and the next visit has them. */
const engineKind = (name: string) => name.replace('-threaded', '').replace(/-[\w-]{8}\.wasm$/, '')

scope.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET' || !request.url.startsWith(scope.registration.scope)) return
  event.respondWith(request.mode === 'navigate' ? page(request) : asset(event))
})

/**
 * The page itself: the newest where there is a network. That is not kept: of this build it was when this worker was
 * installed, and one of a later build names files which this cache lacks, and comes with a worker of its own.
 */
async function page(request: Request): Promise<Response> {
  try {
    return isolated(await fetch(request))
  } catch (error) {
    const found = await kept(here('./'))
    if (found) return isolated(found)
    throw error
  }
}

/** Files of a build never change: their names have their hash. */
async function asset(event: Fetching): Promise<Response> {
  const { url } = event.request
  const found = await kept(url)
  if (found) return isolated(found)
  const fresh = await fetch(event.request)
  const ours = files.some((name) => here(name) === url)
  // weights are kept by the page itself, where their size is shown
  if (ours && isWhole(fresh) && !url.endsWith('.safetensors')) event.waitUntil(keep(url, fresh.clone()))
  return isolated(fresh)
}

/** Whether an answer is the file: hosts may answer with a page in place of a file that they lack. */
const isWhole = ({ status, headers }: Response) =>
  status === 200 && !headers.get('content-type')?.startsWith('text/html')

async function kept(address: string): Promise<Response | undefined> {
  try {
    return await (await caches.open(cacheName)).match(address)
  } catch {
    return undefined
  }
}

/** Keeps an answer where there is room: it is only for later visits. */
async function keep(address: string, response: Response): Promise<void> {
  try {
    await (await caches.open(cacheName)).put(address, response)
  } catch {
    // the page goes on with a network
  }
}

function isolated(response: Response): Response {
  if (response.status === 0 || response.type === 'opaque') return response
  const headers = new Headers(response.headers)
  headers.set('Cross-Origin-Opener-Policy', 'same-origin')
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp')
  headers.set('Cross-Origin-Resource-Policy', 'same-origin')
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
}
