/** Where the browser keeps weights: a cache of its own, which the page shows and can clear. */
import { decodeFacts, encodeFacts } from './facts-code.ts'
import type { FileFacts } from './plan.ts'

const name = 'guided-diffusion-weights'

/** Undefined where the browser keeps nothing: pages that are not from https or localhost, or are denied storage. */
export async function openShelf(): Promise<Cache | undefined> {
  try {
    return await globalThis.caches?.open(name)
  } catch {
    return undefined
  }
}

const droppedFiles = 'https://weights.invalid/dropped/'

/** The address under which a dropped file is kept. */
export function shelfAddress(fileName: string): string {
  return droppedFiles + encodeURIComponent(fileName)
}

export interface ShelfItem {
  readonly address: string
  readonly name: string
  readonly bytes: number
  /** Whether it was dropped on the page. */
  readonly dropped: boolean
  /** What the reader said of it when it was dropped. */
  readonly facts?: FileFacts
}

/** The header of a kept file that holds what the reader said of it. */
const factsHeader = 'X-Trained'

/** The name of the file at an address. Those of the page itself are named without what the build puts into their names. */
function fileName(address: string): string {
  const { origin, pathname } = new URL(address)
  const name = decodeURIComponent(pathname.split('/').at(-1) ?? address)
  const built = origin === globalThis.location?.origin && pathname.includes('/assets/')
  return built ? name.replace(/-[\w-]{8}(\.\w+)$/, '$1') : name
}

/** What is kept: nothing where the browser does not say. */
export async function shelfItems(): Promise<readonly ShelfItem[]> {
  try {
    const shelf = await openShelf()
    const requests = (await shelf?.keys()) ?? []
    const items = await Promise.all(requests.map(async ({ url }) => itemOf(url, await shelf?.match(url))))
    return items.filter((item) => item !== undefined)
  } catch {
    return []
  }
}

async function itemOf(address: string, response: Response | undefined): Promise<ShelfItem | undefined> {
  if (!response) return undefined
  const size = response.headers.get('content-length')
  const facts = decodeFacts(response.headers.get(factsHeader) ?? '')
  return {
    address,
    name: fileName(address),
    bytes: size ? Number(size) : (await response.blob()).size,
    dropped: address.startsWith(droppedFiles),
    ...(facts ? { facts } : {}),
  }
}

/**
 * Keeps a dropped file, and beside it what the reader said of it, so that a later visit finds both. False where there is
 * no room or the browser keeps nothing.
 */
export async function putOnShelf(file: File, facts?: FileFacts): Promise<boolean> {
  try {
    const shelf = await openShelf()
    const headers = {
      'Content-Length': String(file.size),
      ...(facts ? { [factsHeader]: encodeFacts(facts) } : {}),
    }
    await shelf?.put(shelfAddress(file.name), new Response(file, { headers }))
    return shelf !== undefined
  } catch {
    return false
  }
}

/** Forgets what is kept of an address. */
export async function takeFromShelf(address: string): Promise<void> {
  try {
    await (await openShelf())?.delete(address)
  } catch {
    // what can't be reached is of no use either
  }
}

/** Forgets all weights. */
export async function clearShelf(): Promise<void> {
  try {
    await globalThis.caches?.delete(name)
  } catch {
    // likewise
  }
}
