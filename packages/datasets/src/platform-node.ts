import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DatasetFormatError, DecoderMissingError } from './errors.ts'
import type { Picture } from './picture.ts'

/** The bytes of a file on disk. */
export async function readFileBytes(
  path: string | URL,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const { buffer, byteOffset, length } = await readFile(path, signal ? { signal } : {})
  return new Uint8Array(buffer, byteOffset, length)
}

/** `/`-separated paths of all files below a folder, relative to it; links are followed, hidden names are not. */
export async function listFiles(folder: string, signal: AbortSignal | undefined): Promise<string[]> {
  const found: string[] = []
  const visit = async (relative: string, above: readonly string[]): Promise<void> => {
    signal?.throwIfAborted()
    const real = await realpath(join(folder, relative))
    // A link to a folder around it would never end.
    if (above.includes(real)) return
    for (const entry of await readdir(real, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`
      const kind = entry.isSymbolicLink() ? await stat(join(folder, path)) : entry
      if (kind.isDirectory()) await visit(path, [...above, real])
      else if (kind.isFile()) found.push(path)
    }
  }
  await visit('', [])
  return found
}

/**
 * The decoder of JPEG and WebP, which is `sharp`. Pixels come as they are stored: not turned, and without
 * alpha.
 *
 * @throws {DecoderMissingError} when `sharp` is not installed.
 */
export async function loadDecoder(
  file: string,
): Promise<(bytes: Uint8Array, maximumPixels: number) => Promise<Picture>> {
  const sharp = await importSharp(file)
  return async (bytes, maximumPixels) => {
    try {
      const { data, info } = await sharp(bytes, { limitInputPixels: maximumPixels, failOn: 'error' })
        .toColourspace('srgb')
        .removeAlpha()
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true })
      return { width: info.width, height: info.height, pixels: data }
    } catch (cause) {
      throw new DatasetFormatError({
        file,
        problem: `it cannot be decoded (${cause instanceof Error ? cause.message : String(cause)})`,
        advice: 'The image is damaged or has more than maximumPixels: replace it or take it out.',
        cause,
      })
    }
  }
}

async function importSharp(file: string): Promise<typeof import('sharp').default> {
  try {
    return (await import('sharp')).default
  } catch (cause) {
    throw new DecoderMissingError({ file, packageName: 'sharp', cause })
  }
}
