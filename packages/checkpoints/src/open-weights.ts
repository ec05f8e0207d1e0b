import { UnknownFormatError } from './errors.ts'
import { isNpy } from './npy.ts'
import { openNpy, openNpz } from './npz-read.ts'
import { openSource } from './open-source.ts'
import { latin1 } from './pickle-bytes.ts'
import { openSafetensors } from './safetensors-read.ts'
import type { Source, SourceOptions, WeightsSource } from './source.ts'
import { isTorchLegacy, openTorchLegacy } from './torch-legacy.ts'
import { isTorchZip, openTorchZip } from './torch-zip.ts'
import type { Progress, WeightsReader } from './weights.ts'
import { weightsUnder } from './weights-under.ts'
import { readZipDirectory } from './zip-directory.ts'

export interface OpenOptions extends SourceOptions {
  /**
   * Reads only the tensors under this path, and takes it off their names: `'ema'` makes `ema.out.0.weight` into
   * `out.0.weight`.
   */
  readonly under?: string | undefined
  /**
   * Called after each tensor with the bytes of all tensors read so far; and with those of the file while it is
   * fetched whole from a server that cannot send ranges.
   */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/**
 * Opens a weight file: safetensors, a PyTorch checkpoint of either form, .npz or .npy, recognised by its content.
 * Only its directory is read; close it when the last tensor has been read.
 *
 * @example
 * const weights = await openWeights('64x64_diffusion.pt')
 * const { dtype, shape, data } = await weights.read('out.2.weight')
 * await weights.close()
 */
export async function openWeights(source: WeightsSource, options: OpenOptions = {}): Promise<WeightsReader> {
  const opened = await openSource(source, options)
  try {
    const reader = await openFormat(opened, options.signal)
    return withProgress(options.under === undefined ? reader : weightsUnder(reader, options.under), options)
  } catch (error) {
    await opened.close()
    throw error
  }
}

async function openFormat(source: Source, signal: AbortSignal | undefined): Promise<WeightsReader> {
  const first = await source.read(0, Math.min(64, source.size), signal)
  if (latin1(first.subarray(0, 4)) === 'PK\x03\x04') {
    const directory = await readZipDirectory(source, signal)
    return isTorchZip(directory)
      ? openTorchZip(source, directory, signal)
      : openNpz(source, directory, signal)
  }
  if (isTorchLegacy(first)) return openTorchLegacy(source, signal)
  if (isNpy(first)) return openNpy(source, signal)
  const found = otherContent(first, source)
  if (found) throw new UnknownFormatError({ source: source.name, ...found })
  return openSafetensors(source, signal)
}

/** What a file is that begins like none of the formats; a safetensors file begins with a length and a brace. */
function otherContent(
  first: Uint8Array,
  { name, size }: Source,
): { found: string; advice?: string } | undefined {
  if (/\.safetensors$/i.test(name) && size > 0) return undefined
  const text = latin1(first)
  if (size === 0) return { found: 'empty', advice: 'Download or copy the file again.' }
  if (/^\s*<(!doctype|html|\?xml)/i.test(text)) {
    return {
      found: 'a web page',
      advice: 'The download gave a page instead of the file; it may need a login.',
    }
  }
  if (text.startsWith('version https://git-lfs')) {
    return { found: 'a pointer of Git LFS', advice: 'Fetch the file itself with git lfs pull.' }
  }
  if (text.startsWith('PK\x05\x06')) return { found: 'an empty zip archive' }
  if (text.startsWith('\x1f\x8b')) return { found: 'compressed by gzip', advice: 'Unpack it first.' }
  if (text.startsWith('\x80') && (first[1] as number) <= 5) {
    return {
      found: 'a Python pickle that torch.save did not write',
      advice: 'Save the state dict with torch.save or as safetensors.',
    }
  }
  if (first[8] === 0x7b || size < 9) return undefined
  return { found: `a file that begins with ${[...first.subarray(0, 8)].map(hex).join(' ')}` }
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

function withProgress(reader: WeightsReader, { signal, onProgress }: OpenOptions): WeightsReader {
  let total = 0
  for (const { bytes, sameAs } of reader.tensors.values()) if (sameAs === undefined) total += bytes
  const seen = new Set<string>()
  let loaded = 0
  return {
    ...reader,
    async read(name, options) {
      const abort = options?.signal ?? signal
      abort?.throwIfAborted()
      const tensor = await reader.read(name, { signal: abort })
      const own = reader.tensors.get(name)?.sameAs ?? name
      if (!seen.has(own)) {
        seen.add(own)
        loaded += tensor.data.byteLength
        onProgress?.({ loaded, total })
      }
      return tensor
    },
  }
}
