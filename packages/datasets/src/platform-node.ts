import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DecoderMissingError } from './errors.ts'
import type { Picture } from './picture.ts'

/** The bytes of a file on disk. */
export async function readFileBytes(
  path: string | URL,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  return await readFile(path, signal ? { signal } : {})
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

/** The path of a file of a folder. */
export function joinPath(folder: string, file: string): string {
  return join(folder, file)
}

/** @throws {DecoderMissingError} when the package for JPEG and WebP is not installed. */
export async function requireDecoder(file: string): Promise<void> {
  await loadSharp(file)
}

/** Decodes JPEG, WebP and whatever else `sharp` reads, as it is stored: no turning, no colour profile. */
export async function decodeCompressed(
  bytes: Uint8Array,
  file: string,
  maximumPixels: number,
): Promise<Picture> {
  const sharp = await loadSharp(file)
  const { data, info } = await sharp(bytes, { limitInputPixels: maximumPixels, failOn: 'error' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  if (channels === 3) return { width, height, pixels: data }
  const pixels = new Uint8Array(width * height * 3)
  for (let i = 0; i < width * height; i++) pixels.fill(data[i * channels] as number, 3 * i, 3 * i + 3)
  return { width, height, pixels }
}

async function loadSharp(file: string): Promise<typeof import('sharp').default> {
  try {
    return (await import('sharp')).default
  } catch (cause) {
    throw new DecoderMissingError({ file, packageName: 'sharp', cause })
  }
}
