import { download } from './download.ts'
import { UnsupportedRuntimeError } from './errors.ts'
import type { Picture } from './picture.ts'

/** Browsers have no files by path, but addresses relative to the page. */
export async function readFileBytes(
  path: string | URL,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  return await download(String(path), signal)
}

/** @throws {UnsupportedRuntimeError} always. */
export async function listFiles(folder: string, _signal: AbortSignal | undefined): Promise<string[]> {
  throw new UnsupportedRuntimeError({
    feature: `Reading the folder ${folder} in a browser`,
    advice: 'Read folders in Node; in a browser use idx, or arrayDataset with pixels of your own.',
  })
}

/** @throws {UnsupportedRuntimeError} always: only files of folders are decoded. */
export async function loadDecoder(
  file: string,
): Promise<(bytes: Uint8Array, maximumPixels: number) => Promise<Picture>> {
  throw new UnsupportedRuntimeError({
    feature: `Decoding ${file} in a browser`,
    advice: 'Read image files in Node.',
  })
}
