/**
 * Keeps the page for visits without a network. The small files are fetched at once; engines and weights are large, and are
 * kept when they are first used. Every answer is given the headers that let WebAssembly have threads, which static hosts
 * do not send.
 */

/** What TypeScript's library for pages lacks of a service worker's scope. */
interface Scope {
  readonly registration: { readonly scope: string }
  readonly clients: { claim(): Promise<void> }
  skipWaiting(): Promise<void>
  addEventListener(type: 'install' | 'activate', listener: (event: Lasting) => void): void
  addEventListener(type: 'fetch', listener: (event: Fetching) => void): void
  addEventListener(type: 'message', listener: (event: Lasting & { data: unknown }) => void): void
}
interface Lasting {
  waitUntil(promise: Promise<unknown>): void
}
interface Fetching {
  readonly request: Request
  respondWith(response: Promise<Response>): void
}
const scope = globalThis as unknown as Scope

const prefix = 'guided-diffusion-page-'
const cacheName = `${prefix}__BUILD_VERSION__`
const files = '__BUILD_FILES__'.split(',')
/** Too large to be fetched before anybody wants them. */
const large = /\.(wasm|safetensors)$/

const here = (name: string) => new URL(name, scope.registration.scope).href

scope.addEventListener('install', (event) => {
  const small = ['./', ...files.filter((name) => !large.test(name))].map(here)
  event.waitUntil(
    caches
      .open(cacheName)
      .then((cache) => cache.addAll(small))
      .then(() => scope.skipWaiting()),
  )
})

scope.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) =>
        Promise.all(
          names
            .filter((name) => name.startsWith(prefix) && name !== cacheName)
            .map((name) => caches.delete(name)),
        ),
      )
      .then(() => scope.clients.claim()),
  )
})

/** The page tells what it used before it was under this worker. */
scope.addEventListener('message', (event) => {
  const { keep } = (event.data ?? {}) as { keep?: readonly string[] }
  if (keep) event.waitUntil(keepFiles(keep))
})

async function keepFiles(addresses: readonly string[]): Promise<void> {
  const cache = await caches.open(cacheName)
  const known = new Set(files.map(here))
  for (const address of addresses)
    if (known.has(address) && !(await cache.match(address))) await cache.add(address)
}

scope.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET' || !request.url.startsWith(scope.registration.scope)) return
  event.respondWith(request.mode === 'navigate' ? page(request) : asset(request))
})

/** The page itself: the newest where there is a network. */
async function page(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName)
  try {
    const fresh = await fetch(request)
    return isolated(fresh)
  } catch (error) {
    const kept = await cache.match(here('./'))
    if (kept) return isolated(kept)
    throw error
  }
}

/** Files of a build never change: their names have their hash. */
async function asset(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName)
  const kept = await cache.match(request.url)
  if (kept) return isolated(kept)
  const fresh = await fetch(request)
  const ours = files.some((name) => here(name) === request.url)
  // weights are kept by the page itself, where their size is shown
  if (fresh.status === 200 && ours && !request.url.endsWith('.safetensors'))
    await cache.put(request.url, fresh.clone())
  return isolated(fresh)
}

function isolated(response: Response): Response {
  if (response.status === 0 || response.type === 'opaque') return response
  const headers = new Headers(response.headers)
  headers.set('Cross-Origin-Opener-Policy', 'same-origin')
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp')
  headers.set('Cross-Origin-Resource-Policy', 'same-origin')
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
}
