import { TooLargeError } from './errors.ts'
import { type OpenOptions, openWeights } from './open-weights.ts'
import type { WeightsSource } from './source.ts'
import type { Weights, WeightsReader, WeightTensor } from './weights.ts'

/**
 * Reads a whole weight file into memory. Tied weights share one array. Tensors of a PyTorch file that overlap only
 * partly are apart afterwards; a file that would grow to more than twice its size by this is refused.
 *
 * @throws TooLargeError
 */
export async function readWeights(source: WeightsSource, options: OpenOptions = {}): Promise<Weights> {
  const reader = await openWeights(source, options)
  try {
    checkTotal(reader)
    const tensors = new Map<string, WeightTensor>()
    for (const [name, { sameAs }] of reader.tensors) {
      const tied = sameAs === undefined ? undefined : tensors.get(sameAs)
      tensors.set(name, tied ?? (await reader.read(name)))
    }
    return { tensors, metadata: reader.metadata, values: reader.values }
  } finally {
    await reader.close()
  }
}

function checkTotal({ name, format, size, tensors }: WeightsReader): void {
  // Compressed arrays have a limit of their own, and the other formats hold each tensor once.
  if (format !== 'torch-zip' && format !== 'torch-legacy') return
  let bytes = 0
  for (const info of tensors.values()) if (info.sameAs === undefined) bytes += info.bytes
  const limit = 2 * size + 2 ** 20
  if (bytes <= limit) return
  throw new TooLargeError({
    source: name,
    what: 'all tensors together',
    bytes,
    limit,
    advice: 'They share few stored numbers; open the file with openWeights and read the tensors you need.',
  })
}
