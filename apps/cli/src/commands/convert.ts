import { extname } from 'node:path'
import {
  type FloatTarget,
  openWeights,
  saveSafetensors,
  type WeightsReader,
} from '@guided-diffusion/checkpoints'
import { descriptionKey } from '@guided-diffusion/models'
import { Command, Option } from 'commander'
import { UsageError } from '../errors.ts'
import { interruptSignal } from '../interrupt.ts'
import { cacheOption, modelFile } from '../model-cache.ts'
import { progress } from '../progress.ts'
import { readWeightFile } from '../weight-file.ts'
import { requireWritable } from '../write-beside.ts'

interface ConvertOptions {
  readonly to: string
  readonly dtype?: FloatTarget
  readonly under?: string
  readonly cache?: string
}

export const convert = new Command('convert')
  .description('write the weights of any file as safetensors, one tensor at a time')
  .argument('<file>', 'safetensors, PyTorch .pt, .npz or .npy: a path, an address, or a published name')
  .requiredOption('--to <file>', 'FILE.safetensors')
  .addOption(
    new Option('--dtype <name>', 'what floats become (default: each as it is)').choices([
      'float32',
      'float16',
      'bfloat16',
    ]),
  )
  .option('--under <path>', 'only the tensors below this path, and take it off their names')
  .addOption(cacheOption())
  .addHelpText(
    'after',
    `
Examples:
  guided-diffusion convert 64x64_diffusion.pt --to 64x64_diffusion.safetensors
  guided-diffusion convert 64x64_classifier --to 64x64_classifier.safetensors --dtype float16
  guided-diffusion convert training.pt --under ema --to ema.safetensors`,
  )
  .action(async (file: string, { to, dtype, under, cache }: ConvertOptions) => {
    if (extname(to) !== '.safetensors')
      throw new UsageError(`${to} is no safetensors file.`, 'Give --to FILE.safetensors.')
    const signal = interruptSignal('nothing is written')
    await requireWritable(to, 'file')
    const source = modelFile(file, cache)
    const reader = await openWeights(source, { under, signal })
    const metadata = under === undefined ? await facts(source, reader) : {}
    const line = progress('converting', Math.ceil(reader.size / 1e6), { unit: 'megabyte' })
    try {
      await saveSafetensors(to, reader, {
        dtype,
        metadata,
        signal,
        onProgress: ({ loaded, total }) => line.update(Math.ceil(((loaded / total) * reader.size) / 1e6)),
      })
    } finally {
      line.end()
      await reader.close()
    }
    console.log(to)
  })

/** What a published checkpoint does not say of itself and a file of ours does: its network and its diffusion. */
async function facts(source: string, { metadata }: WeightsReader): Promise<Record<string, string>> {
  if (metadata[descriptionKey] !== undefined) return {}
  const { network, diffusion, prefix } = await readWeightFile(source)
  if (network?.by !== 'published' || prefix !== '' || !diffusion) return {}
  return { [descriptionKey]: JSON.stringify(network.description), diffusion: JSON.stringify(diffusion) }
}
