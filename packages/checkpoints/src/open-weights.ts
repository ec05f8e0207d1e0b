import { openSource } from './open-source.ts'
import { openSafetensors } from './safetensors-read.ts'
import type { SourceOptions, WeightsSource } from './source.ts'
import type { Progress, Weights, WeightsReader, WeightTensor } from './weights.ts'

export interface OpenOptions extends SourceOptions {
  /** Called after each tensor with the bytes of all tensors read so far. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Opens a weight file; the format is recognised by its content. */
export async function openWeights(source: WeightsSource, options: OpenOptions = {}): Promise<WeightsReader> {
  const opened = await openSource(source, options)
  try {
    return withProgress(await openSafetensors(opened, options.signal), options)
  } catch (error) {
    await opened.close()
    throw error
  }
}

/** Reads a whole weight file into memory. */
export async function readWeights(source: WeightsSource, options: OpenOptions = {}): Promise<Weights> {
  const reader = await openWeights(source, options)
  try {
    const tensors = new Map<string, WeightTensor>()
    for (const name of reader.tensors.keys()) tensors.set(name, await reader.read(name))
    return { tensors, metadata: reader.metadata, values: reader.values }
  } finally {
    await reader.close()
  }
}

function withProgress(reader: WeightsReader, { signal, onProgress }: OpenOptions): WeightsReader {
  let total = 0
  for (const { bytes } of reader.tensors.values()) total += bytes
  const seen = new Set<string>()
  let loaded = 0
  return {
    ...reader,
    async read(name, options) {
      const abort = options?.signal ?? signal
      abort?.throwIfAborted()
      const tensor = await reader.read(name, { signal: abort })
      if (!seen.has(name)) {
        seen.add(name)
        loaded += tensor.data.byteLength
        onProgress?.({ loaded, total })
      }
      return tensor
    },
  }
}
