import { DatasetReadError, UnsupportedRuntimeError } from './errors.ts'
import type { Picture } from './picture.ts'

/** Browsers have no files by path, but addresses relative to the page. */
export async function readFileBytes(
  path: string | URL,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const response = await fetch(path, signal ? { signal } : {})
  if (response.ok) return new Uint8Array(await response.arrayBuffer())
  throw new DatasetReadError({
    file: String(path),
    problem: `the server answers ${response.status} ${response.statusText}`.trim(),
    advice: 'Check the address.',
  })
}

export async function listFiles(folder: string, _signal: AbortSignal | undefined): Promise<string[]> {
  throw new UnsupportedRuntimeError({
    feature: `Reading the folder ${folder} in a browser`,
    advice: 'Read folders in Node; in a browser use idx, or arrayDataset with pixels of your own.',
  })
}

export function joinPath(folder: string, file: string): string {
  return `${folder}/${file}`
}

export async function requireDecoder(_file: string): Promise<void> {}

export async function decodeCompressed(
  _bytes: Uint8Array,
  file: string,
  _maximumPixels: number,
): Promise<Picture> {
  throw new UnsupportedRuntimeError({
    feature: `Decoding ${file} in a browser`,
    advice: 'Read image files in Node.',
  })
}
