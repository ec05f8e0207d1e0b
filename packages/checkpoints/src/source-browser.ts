import { SourceError } from './errors.ts'
import { openHttp } from './http-source.ts'
import type { Source, SourceOptions } from './source.ts'

/** In a page a path is relative to the page's address. */
export async function openPath(path: string | URL, options: SourceOptions): Promise<Source> {
  const base = globalThis.location?.href
  if (path instanceof URL || base === undefined || !URL.canParse(path, base)) {
    throw new SourceError({
      source: String(path),
      reason: 'this runtime has no file system',
      advice: 'Give an http(s): address, or the File of an <input type="file">.',
    })
  }
  return openHttp(new URL(path, base), options)
}
