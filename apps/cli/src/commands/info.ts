import type { PlainValue, TensorInfo } from '@guided-diffusion/checkpoints'
import { publishedModels } from '@guided-diffusion/models'
import { Command } from 'commander'
import { cacheOption, modelFile } from '../model-cache.ts'
import { classesText, type Line, networkLines, plural } from '../network-text.ts'
import { type FoundNetwork, readWeightFile, scalars, type WeightFile } from '../weight-file.ts'

interface InfoOptions {
  readonly tensors: boolean
  readonly json: boolean
  readonly cache?: string
}

export const info = new Command('info')
  .description('what a weight file holds: safetensors, PyTorch .pt, .npz, .npy')
  .argument('<file>', 'path or address of the file, or the name of a published one that was pulled')
  .option('--tensors', 'list every tensor', false)
  .option('--json', 'print JSON', false)
  .addOption(cacheOption())
  .addHelpText(
    'after',
    `
Examples:
  guided-diffusion info runs/denoiser/model.safetensors
  guided-diffusion info 64x64_diffusion.pt --tensors
  guided-diffusion info samples.npz --json`,
  )
  .action(async (name: string, { tensors, json, cache }: InfoOptions) => {
    const file = await readWeightFile(modelFile(name, cache))
    if (json) return console.log(JSON.stringify(plainFacts(file, tensors), null, 2))
    console.log(columns(factLines(file)).join('\n'))
    if (tensors) console.log(`\n${columns(tensorLines(file)).join('\n')}`)
  })

const formats: Readonly<Record<WeightFile['format'], string>> = {
  safetensors: 'safetensors',
  'torch-zip': 'PyTorch, zip form',
  'torch-legacy': 'PyTorch, form before 1.6',
  npz: 'NumPy .npz',
  npy: 'NumPy .npy',
}

function factLines(file: WeightFile): Line[] {
  const { network, training, prefix, diffusion } = file
  const values = Object.entries(file.values)
  return [
    ['file', file.name],
    ['format', formats[file.format]],
    ['size', `${file.size.toLocaleString('en')} bytes`],
    ['holds', contents(file)],
    ...(prefix === '' ? [] : [['under', prefix] as const]),
    ...(network ? networkLines(network) : arrayLines(file)),
    ...classLines(file),
    ...(diffusion
      ? [
          [
            'diffusion',
            `${diffusion.schedule}, ${diffusion.steps} steps; predicts ${diffusion.prediction}, variance ${diffusion.variance}`,
          ] as const,
        ]
      : []),
    ...publishedLines(file),
    ...(training
      ? [
          [
            'training',
            `state after step ${training.step}, ${training.samples.toLocaleString('en')} images seen; averages: ${training.decays.join(', ') || 'none'}`,
          ] as const,
        ]
      : []),
    ...(values.length > 0
      ? [['beside', values.map(([name, value]) => `${name}: ${shortValue(value)}`).join(', ')] as const]
      : []),
  ]
}

/** A file without a network: samples as `sample` writes them, or any tensors. */
function arrayLines({ tensors }: WeightFile): Line[] {
  const images = tensors.get('arr_0')
  const [count, height, width, channels = 0] = images?.shape ?? []
  const lines: Line[] = [['network', 'none of this family']]
  if (images?.dtype === 'uint8' && images.shape.length === 4)
    lines.push([
      'images',
      `${count} of ${height} × ${width}, ${plural(channels, 'channel')}; ${tensors.has('arr_1') ? 'labels' : 'no labels'}`,
    ])
  return lines
}

/** "3,073,570 parameters in 268 tensors, float16", and what a training state has beside the network. */
function contents({ parameters, tensors, prefix, network }: WeightFile): string {
  const own = [...tensors].filter(([name]) => name.startsWith(prefix)).map(([, info]) => info)
  const noun = network ? 'parameter' : 'number'
  const main = `${parameters.toLocaleString('en')} ${noun}${parameters === 1 ? '' : 's'} in ${plural(own.length, 'tensor')}, ${dtypesText(own)}`
  const more = tensors.size - own.length
  return more > 0 ? `${main}; ${plural(more, 'tensor')} more` : main
}

function dtypesText(tensors: readonly TensorInfo[]): string {
  const counts = dtypeCounts(tensors)
  const names = Object.keys(counts)
  if (names.length < 2) return names[0] ?? 'no type'
  return names.map((name) => `${name} (${counts[name]})`).join(', ')
}

function dtypeCounts(tensors: readonly TensorInfo[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { dtype } of tensors) counts[dtype] = (counts[dtype] ?? 0) + 1
  return counts
}

function classLines({ network, classes }: WeightFile): Line[] {
  const description = network?.description
  const config = description && description.kind !== 'classifier' ? description.config : undefined
  const count =
    description?.kind === 'classifier' ? description.config.outChannels : (config?.classes ?? classes.length)
  if (count === 0) return network ? [['classes', 'none']] : []
  const names = classes.length === count ? classes : []
  const told = config && config.classes === undefined ? ' (of the images; the network is not told them)' : ''
  return [['classes', classesText({ count, names }, config?.nullClass ?? false) + told]]
}

function publishedLines({ published }: WeightFile): Line[] {
  return published.map((name, i): Line => {
    const { sampling } = publishedModels[name]
    const guidance = sampling?.guidance
    const how = sampling
      ? `: ${sampling.respacing} steps${guidance ? `, guided by ${guidance.classifier} with γ = ${guidance.scale}` : ''}`
      : ''
    return [i === 0 ? 'published as' : 'or as', `${name}${how}`]
  })
}

function tensorLines({ tensors }: WeightFile): Line[] {
  return [...tensors].map(([name, { dtype, shape, sameAs }]) => [
    name,
    `${dtype} [${shape.join(', ')}]${sameAs === undefined ? '' : ` = ${sameAs}`}`,
  ])
}

/** Names in one column, values in the next. */
function columns(lines: readonly Line[]): string[] {
  const width = Math.max(...lines.map(([name]) => name.length))
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
}

function shortValue(value: PlainValue): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object' && value !== null) return `a record of ${Object.keys(value).length}`
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

/** The network's options; those that were guessed, since names and shapes do not tell them, are left out. */
function plainNetwork({ description: { kind, config }, by, sizeKnown }: FoundNetwork) {
  if (by !== 'shapes') return { kind, recognisedBy: by, config }
  const { size, attention = [], attentionOrder: _, dropout: __, ...seen } = config
  const places = sizeKnown
    ? { size, attention }
    : { attentionDownsampling: attention.map((pixels) => size / pixels) }
  return { kind, recognisedBy: by, config: { ...seen, ...places } }
}

function plainFacts(file: WeightFile, listed: boolean) {
  const { network, tensors } = file
  return {
    file: file.name,
    format: file.format,
    bytes: file.size,
    tensors: tensors.size,
    parameters: file.parameters,
    dtypes: dtypeCounts([...tensors.values()]),
    elements: scalars([...tensors.values()]),
    ...(file.prefix === '' ? {} : { under: file.prefix }),
    ...(network ? { network: plainNetwork(network) } : {}),
    published: file.published,
    ...(file.diffusion ? { diffusion: file.diffusion } : {}),
    classes: file.classes,
    ...(file.training ? { training: file.training } : {}),
    values: Object.fromEntries(Object.entries(file.values).map(([name, value]) => [name, shortValue(value)])),
    ...(listed ? { list: Object.fromEntries([...tensors].map(([name, info]) => [name, info])) } : {}),
  }
}
