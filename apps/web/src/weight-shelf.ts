/** Where the browser keeps weights: a cache of its own, which the page shows and can clear. */

const name = 'guided-diffusion-weights'

/** Undefined where the browser keeps nothing: pages that are not from https or localhost. */
export async function openShelf(): Promise<Cache | undefined> {
  return globalThis.caches?.open(name)
}

/** The address under which a dropped file is kept. */
export function shelfAddress(fileName: string): string {
  return new URL(`./dropped/${encodeURIComponent(fileName)}`, 'https://weights.invalid/').href
}

export interface ShelfItem {
  readonly name: string
  readonly bytes: number
}

/** The name of the file at an address. Those of the page itself are named without what the build puts into their names. */
function fileName(address: string): string {
  const { origin, pathname } = new URL(address)
  const name = decodeURIComponent(pathname.split('/').at(-1) ?? address)
  const built = origin === globalThis.location?.origin && pathname.includes('/assets/')
  return built ? name.replace(/-[\w-]{8}(\.\w+)$/, '$1') : name
}

/** What is kept. */
export async function shelfItems(): Promise<readonly ShelfItem[]> {
  const shelf = await openShelf()
  const requests = (await shelf?.keys()) ?? []
  return Promise.all(
    requests.map(async ({ url }) => {
      const response = await shelf?.match(url)
      const file = fileName(url)
      const size = response?.headers.get('content-length')
      return { name: file, bytes: size ? Number(size) : ((await response?.blob())?.size ?? 0) }
    }),
  )
}

/** Keeps a dropped file, so that a later visit finds it. False where there is no room or no cache. */
export async function putOnShelf(file: File): Promise<boolean> {
  try {
    const shelf = await openShelf()
    if (!shelf) return false
    await shelf.put(
      shelfAddress(file.name),
      new Response(file, { headers: { 'Content-Length': String(file.size) } }),
    )
    return true
  } catch (error) {
    if ((error as Error).name === 'QuotaExceededError') return false
    throw error
  }
}

/** Forgets one dropped file. */
export async function takeFromShelf(fileName: string): Promise<void> {
  await (await openShelf())?.delete(shelfAddress(fileName))
}

/** Forgets all weights. */
export async function clearShelf(): Promise<void> {
  await globalThis.caches?.delete(name)
}
