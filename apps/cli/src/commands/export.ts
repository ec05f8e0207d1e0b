import { extname } from 'node:path'
import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { halfWeights, standardOperators } from '@guided-diffusion/compile'
import { writeOnnx } from '@guided-diffusion/compile/node'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import { Command, Option } from 'commander'
import { UsageError } from '../errors.ts'
import {
  classifierGraph,
  denoiserGraph,
  type ExportedGraph,
  gradientGraph,
  stepGraph,
} from '../export-graph.ts'
import { interruptSignal } from '../interrupt.ts'
import { cacheOption, modelFile } from '../model-cache.ts'
import { number, whole } from '../numbers.ts'
import { type Progress, progress } from '../progress.ts'
import { findNetworks, type NetworkWishes } from '../sampling-networks.ts'
import { planSampling } from '../sampling-plan.ts'
import { openClassifier, openDenoiser } from '../stored-network.ts'
import { findClassifier, findDenoiser } from '../trained-network.ts'
import { requireWritable } from '../write-beside.ts'

interface ExportOptions extends Omit<NetworkWishes, 'count' | 'seed' | 'classes'> {
  readonly what: 'denoiser' | 'classifier' | 'gradient' | 'step'
  readonly batch: number
  readonly dtype: 'float32' | 'float16'
  readonly weights?: 'inside' | 'beside'
  readonly out: string
}

/** Options that only some exports have. */
const belongs: Readonly<Record<string, readonly ExportOptions['what'][]>> = {
  model: ['denoiser', 'step'],
  classifier: ['classifier', 'gradient', 'step'],
  scale: ['step'],
  conditional: ['step'],
  steps: ['step'],
  respacing: ['step'],
  sampler: ['step'],
  eta: ['step'],
}

export const exportCommand = new Command('export')
  .description('write a network, its gradient or a whole sampling step as .onnx, for other programs')
  .addOption(
    new Option('--what <part>', 'what the file computes')
      .choices(['denoiser', 'classifier', 'gradient', 'step'])
      .default('denoiser'),
  )
  .option(
    '--model <file>',
    'weights of a denoiser: a file, or the name of a published one (default: the embedded one, Fashion-MNIST)',
  )
  .option('--classifier <file>', 'weights of a classifier, likewise')
  .option('--batch <number>', 'images at a time: the file is made for so many', whole(1), 1)
  .option(
    '--scale <number>',
    'γ of a step; 0 without guidance (default: 4, or what the authors of a published model took)',
    number(0),
  )
  .option('--conditional', 'tell the denoiser of a step the class too', false)
  .option('--steps <number>', 'steps of the sampler whose numbers go into the file (default: 25)', whole(1))
  .addOption(
    new Option('--respacing <list>', 'the steps as the reference code spells them').conflicts('steps'),
  )
  .addOption(
    new Option('--sampler <name>', 'how a step is made (default: ddim, ddpm for a published model)').choices([
      'ddim',
      'ddpm',
    ]),
  )
  .option('--eta <number>', 'noise of DDIM: 0 none, 1 as much as DDPM (default: 0)', number(0, 1))
  .addOption(
    new Option('--dtype <name>', 'of the weights; the file computes in float32')
      .choices(['float32', 'float16'])
      .default('float32'),
  )
  .addOption(
    new Option(
      '--weights <place>',
      'in the file, or beside it in FILE.onnx.data (default: inside where they fit, up to 2 GiB)',
    ).choices(['inside', 'beside']),
  )
  .addOption(cacheOption())
  .requiredOption('--out <file>', 'FILE.onnx')
  .addHelpText(
    'after',
    `
Examples:
  guided-diffusion export --out denoiser.onnx
  guided-diffusion export --what gradient --batch 4 --out gradient.onnx
  guided-diffusion export --what step --scale 4 --steps 25 --batch 4 --out step.onnx
  guided-diffusion export --model 64x64_diffusion --dtype float16 --out 64x64_diffusion.onnx`,
  )
  .action(async (options: ExportOptions, command: Command) => {
    requireFitting(options, command)
    const signal = interruptSignal('nothing is written')
    await requireWritable(options.out, 'file')
    // weights lie in plain memory or in their file, and nothing is computed but what depends on no input
    await startBackend([cpu()])
    const { graph, facts, networks } = await exported(options, signal)
    const standard = standardOperators(graph)
    let line: Progress | undefined
    try {
      const files = await writeOnnx(
        options.dtype === 'float16' ? halfWeights(standard) : standard,
        options.out,
        {
          ...(options.weights ? { weights: options.weights } : {}),
          metadata: { what: options.what, layout: '[batch, height, width, channels]', ...facts },
          signal,
          onProgress: ({ loaded, total }) => {
            line ??= progress('writing', Math.ceil(total / 1e6), { unit: 'megabyte' })
            line.update(Math.ceil(loaded / 1e6))
          },
        },
      )
      line?.end()
      for (const file of files) console.log(file)
    } catch (error) {
      line?.end()
      throw error
    } finally {
      for (const network of networks) network.dispose()
    }
  })

function requireFitting({ what, out }: ExportOptions, command: Command): void {
  if (extname(out) !== '.onnx') throw new UsageError(`${out} is no ONNX file.`, 'Give --out FILE.onnx.')
  for (const [option, parts] of Object.entries(belongs)) {
    if (command.getOptionValueSource(option) !== 'cli' || parts.includes(what)) continue
    throw new UsageError(
      `--${option} is of ${parts.join(' and ')}, and --what is ${what}.`,
      'Leave it out, or export something else.',
    )
  }
}

/** A graph, and the networks whose weights it reads when it is written. */
interface Exported extends ExportedGraph {
  readonly networks: readonly { dispose(): void }[]
}

async function exported(options: ExportOptions, signal: AbortSignal): Promise<Exported> {
  const { what, batch, model, cache } = options
  if (what === 'step') return exportedStep(options, signal)
  if (what === 'denoiser') {
    const found = await findDenoiser(model === undefined ? pretrained.denoiser : modelFile(model, cache))
    const unet = await openDenoiser(found, signal)
    const { diffusion, classes } = found
    return {
      graph: denoiserGraph(unet, batch),
      facts: described(diffusion, classes.names),
      networks: [unet],
    }
  }
  const { classifier: path } = options
  const found = await findClassifier(path === undefined ? pretrained.classifier : modelFile(path, cache))
  const classifier = await openClassifier(found, signal)
  const { diffusion, classes } = found
  const graph = what === 'gradient' ? gradientGraph(classifier, batch) : classifierGraph(classifier, batch)
  return { graph, facts: described(diffusion, classes.names), networks: [classifier] }
}

async function exportedStep(options: ExportOptions, signal: AbortSignal): Promise<Exported> {
  const { batch } = options
  const wishes = { ...options, count: batch, seed: 0 }
  const { denoiser, guide: found, scale } = await findNetworks(wishes)
  const guide = scale > 0 ? found : undefined
  const plan = planSampling(wishes, denoiser, guide)
  const unet = await openDenoiser(denoiser, signal)
  const classifier = guide && (await openClassifier(guide, signal))
  const { graph, facts } = await stepGraph({ unet, classifier, scale, plan, batch })
  return {
    graph,
    facts: { ...described(denoiser.diffusion, plan.classes.names), ...facts },
    networks: [unet, ...(classifier ? [classifier] : [])],
  }
}

const described = (diffusion: unknown, names: readonly string[]) => ({
  diffusion: JSON.stringify(diffusion),
  ...(names.length > 0 ? { classes: JSON.stringify(names) } : {}),
})
