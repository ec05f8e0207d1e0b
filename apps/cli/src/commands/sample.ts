import { ddim, ddpm, describedDiffusion } from '@guided-diffusion/diffusion'
import { classifierGuidance, unconditional } from '@guided-diffusion/guidance'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import { Command, Option } from 'commander'
import { parseClasses, spread } from '../class-list.ts'
import { engineOption, startEngine } from '../engine.ts'
import { UsageError } from '../errors.ts'
import { interruptSignal } from '../interrupt.ts'
import { number, whole } from '../numbers.ts'
import { outputKind, writePictures } from '../output.ts'
import { sampleBatches } from '../sample-batches.ts'
import { openClassifier, openDenoiser } from '../trained-network.ts'

interface SampleOptions {
  readonly model?: string
  readonly classifier?: string
  readonly classes: string
  readonly scale: number
  readonly guideAt: 'x' | 'mean'
  readonly sharpening: 'scaled' | 'renormalized'
  readonly conditional: boolean
  readonly steps: number
  readonly sampler: 'ddim' | 'ddpm'
  readonly eta: number
  readonly count: number
  readonly batch: number
  readonly seed: number
  readonly engine: string
  readonly out: string
}

export const sample = new Command('sample')
  .description('sample images of chosen classes')
  .option('--model <file>', 'weights of a denoiser (default: the embedded one, Fashion-MNIST)')
  .option(
    '--classifier <file>',
    'weights of a classifier (default: the embedded one, with the embedded model)',
  )
  .option('--classes <names>', 'names or numbers with commas between, or all', 'all')
  .option('--scale <number>', 'γ: how strongly the classifier guides; 0 not at all', number(0), 4)
  .addOption(
    new Option('--guide-at <point>', 'where the gradient is taken: x_t, or the mean of the step')
      .choices(['x', 'mean'])
      .default('x'),
  )
  .addOption(
    new Option('--sharpening <kind>', 'γ times the gradient, or the gradient of the sharpened distribution')
      .choices(['scaled', 'renormalized'])
      .default('scaled'),
  )
  .option('--conditional', 'tell the denoiser the class too', false)
  .option('--steps <number>', 'steps of the sampler', whole(1), 25)
  .addOption(new Option('--sampler <name>', 'how a step is made').choices(['ddim', 'ddpm']).default('ddim'))
  .option('--eta <number>', 'noise of DDIM: 0 none, 1 as much as DDPM', number(0, 1), 0)
  .option('--count <number>', 'images in all, spread over the classes', whole(1), 16)
  .option('--batch <number>', 'images made at the same time', whole(1), 50)
  .option('--seed <number>', 'names all noise', whole(), 1)
  .addOption(engineOption())
  .option('--out <path>', 'FILE.png, FILE.npz, or a folder', 'samples.png')
  .addHelpText(
    'after',
    `
Examples:
  guided-diffusion sample --classes sneaker,bag --scale 4 --count 16 --out samples.png
  guided-diffusion sample --classes all --scale 8 --steps 25 --count 1000 --out samples.npz
  guided-diffusion sample --classes dress --conditional --scale 0 --sampler ddpm --steps 250 --out dresses/
  guided-diffusion sample --model runs/cats/model.safetensors --scale 0 --out cats.png`,
  )
  .action(async (options: SampleOptions) => {
    const signal = interruptSignal()
    outputKind(options.out)
    const classifierPath = options.classifier ?? (options.model ? undefined : pretrained.classifier)
    if (options.scale > 0 && !classifierPath) {
      throw new UsageError(
        'Guidance needs a classifier, and none was given for this model.',
        'Give --classifier FILE, or --scale 0.',
      )
    }
    const engine = await startEngine(options.engine)
    const { unet, facts } = await openDenoiser(options.model ?? pretrained.denoiser, signal)
    const guide = options.scale > 0 && classifierPath ? await openClassifier(classifierPath) : undefined
    const classes = guide?.facts.classes ?? facts.classes
    const labels = spread(parseClasses(options.classes, classes), options.count)
    if (options.conditional && unet.config.classes === undefined) {
      throw new UsageError('This model knows no classes.', 'Leave --conditional out.')
    }
    process.stderr.write(`engine: ${engine.name}, ${engine.description}\n`)
    const pictures = await sampleBatches(
      {
        diffusion: describedDiffusion(facts.diffusion, respacing(options)),
        denoiser: options.conditional ? unet : unconditional(unet),
        sampler: options.sampler === 'ddpm' ? ddpm() : ddim({ eta: options.eta }),
        ...(guide
          ? {
              guidance: classifierGuidance(guide.classifier, {
                scale: options.scale,
                at: options.guideAt,
                sharpening: options.sharpening,
              }),
            }
          : {}),
        shape: [unet.config.size, unet.config.size, unet.config.inChannels],
        seed: options.seed,
        signal,
      },
      { labels, batch: options.batch },
    )
    unet.dispose()
    guide?.classifier.dispose()
    await writePictures(options.out, pictures, { labels, classes })
    console.log(options.out)
  })

/** DDIM's spacing for DDIM, even spacing for DDPM, as in the reference code. */
function respacing({ sampler, steps }: SampleOptions): string {
  return sampler === 'ddim' ? `ddim${steps}` : String(steps)
}
