// @boundaries-ignore the source itself, bundled into the page
import type { CaseFiles } from '../../golden/files.ts'

const folder = new URL('/vectors/', location.href)

/** A folder of vectors, fetched file by file. */
export async function fetchedFiles(): Promise<CaseFiles> {
  const place = (name: string) => new URL(name, folder)
  return {
    names: (await (await fetch(folder)).json()) as string[],
    read: async (name) => new Uint8Array(await (await fetch(place(name))).arrayBuffer()),
    place,
  }
}
