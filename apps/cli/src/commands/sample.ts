import { ddim, ddpm } from '@guided-diffusion/diffusion'
import { classifierGuidance, unconditional } from '@guided-diffusion/guidance'
import { Command, Option } from 'commander'
import { engineOption, type Precision, precisionOption, startEngine } from '../engine.ts'
import { interruptSignal } from '../interrupt.ts'
import { cacheOption, modelFile } from '../model-cache.ts'
import { number, whole } from '../numbers.ts'
import { requireOutput, writePictures } from '../output.ts'
import { sampleBatches } from '../sample-batches.ts'
import { findNetworks, type NetworkWishes } from '../sampling-networks.ts'
import { authorsSampling, planSampling } from '../sampling-plan.ts'
import { openClassifier, openDenoiser } from '../stored-network.ts'
import { findUpsampler, loadClassifier, loadDenoiser } from '../trained-network.ts'
import { requireUpsampling, runUpsampler } from '../upsampling.ts'

interface SampleOptions extends NetworkWishes {
  readonly guideAt: 'x' | 'mean'
  readonly sharpening: 'scaled' | 'renormalized'
  readonly batch?: number
  readonly clip: boolean
  readonly upsample?: string
  readonly upsampleSteps?: number
  readonly engine: string
  readonly precision: Precision
  readonly out: string
  readonly verbose: boolean
}

export const sample = new Command('sample')
  .description('sample images of chosen classes')
  .option(
    '--model <file>',
    'weights of a denoiser: a file, or the name of a published one, see models list (default: the embedded one, Fashion-MNIST)',
  )
  .option(
    '--classifier <file>',
    'weights of a classifier, likewise (default: the embedded one if the model is, the authors’ for a published name)',
  )
  .option(
    '--classes <names>',
    'names or numbers with commas between, all, or random (default: all, random for a published model)',
  )
  .option(
    '--scale <number>',
    'γ: how strongly the classifier guides; 0 not at all (default: 4, or what the authors of a published model took)',
    number(0),
  )
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
  .option('--steps <number>', 'steps of the sampler (default: 25, or what the authors took)', whole(1))
  .addOption(
    new Option(
      '--respacing <list>',
      'the steps as the reference code spells them: ddim25, 250, 10,15,20',
    ).conflicts('steps'),
  )
  .addOption(
    new Option('--sampler <name>', 'how a step is made (default: ddim, ddpm for a published model)').choices([
      'ddim',
      'ddpm',
    ]),
  )
  .option('--eta <number>', 'noise of DDIM: 0 none, 1 as much as DDPM (default: 0)', number(0, 1))
  .option('--count <number>', 'images in all, spread over the classes', whole(1), 16)
  .option('--batch <number>', 'images made at the same time (default: 50, 4 for a published model)', whole(1))
  .option('--seed <number>', 'names all noise', whole(), 1)
  .option('--no-clip', 'leave what the network takes for the image outside of [−1, 1]')
  .option('--upsample <file>', 'then enlarge the images by this upsampler: a file, or a published name')
  .option('--upsample-steps <number>', 'steps of the upsampler (default: what its authors took)', whole(1))
  .addOption(cacheOption())
  .addOption(engineOption())
  .addOption(precisionOption())
  .option('--out <path>', 'FILE.png (one sheet), FILE.npz, or DIR (a PNG each)', 'samples.png')
  .addHelpText(
    'after',
    `
Examples:
  guided-diffusion sample --classes sneaker,bag --scale 4 --count 16 --out samples.png
  guided-diffusion sample --classes all --scale 8 --steps 25 --count 1000 --out samples.npz
  guided-diffusion sample --classes dress --conditional --scale 0 --sampler ddpm --steps 250 --out dresses/
  guided-diffusion sample --model runs/cats/model.safetensors --scale 0 --out cats.png
  guided-diffusion sample --model 64x64_diffusion --classifier 64x64_classifier --scale 1 --steps 250 --out samples.npz
  guided-diffusion sample --model 256x256_diffusion_uncond --classes macaw,207 --count 2 --out birds-and-dogs.png
  guided-diffusion sample --model 64x64_diffusion --upsample 64_256_upsampler --count 4 --out large.npz`,
  )
  .action(async (_, command: Command) => {
    const options = command.optsWithGlobals<SampleOptions>()
    const signal = interruptSignal('nothing is written')
    await requireOutput(options.out)
    const { scale, denoiser, guide } = await findNetworks(options)
    const upsampler =
      options.upsample === undefined
        ? undefined
        : await findUpsampler(modelFile(options.upsample, options.cache))
    const plan = planSampling(options, denoiser, guide)
    const { size, inChannels = 3 } = denoiser.config
    if (upsampler)
      requireUpsampling(upsampler, {
        shape: [1, size, size, inChannels],
        labels: plan.labels,
        from: denoiser.file.name,
      })
    const engine = await startEngine(options.engine, options)
    // graphs point into the files, other engines hold the weights
    const [takeDenoiser, takeClassifier] = engine.runtime
      ? [openDenoiser, openClassifier]
      : [loadDenoiser, loadClassifier]
    const unet = await takeDenoiser(denoiser, signal)
    const classifier = guide && scale > 0 ? await takeClassifier(guide, signal) : undefined
    const { guideAt: at, sharpening, seed, count, clip } = options
    const batch = options.batch ?? (authorsSampling(denoiser) ? 4 : 50)
    const steps = engine.steps({
      weights: [unet.parameters, ...(classifier ? [classifier.parameters] : [])],
    })
    let pictures = await sampleBatches(
      {
        diffusion: plan.diffusion,
        denoiser: plan.conditional ? unet : unconditional(unet),
        sampler: plan.sampler === 'ddpm' ? ddpm() : ddim({ eta: plan.eta }),
        ...(classifier ? { guidance: classifierGuidance(classifier, { scale, at, sharpening }) } : {}),
        shape: [unet.config.size, unet.config.size, unet.config.inChannels],
        seed,
        clip,
        signal,
        ...(steps ? { execute: steps.execute } : {}),
      },
      { count, labels: plan.labels, batch },
    )
    await steps?.dispose()
    unet.dispose()
    classifier?.dispose()
    signal.throwIfAborted()
    if (upsampler) {
      const { labels } = plan
      const run = {
        steps: options.upsampleSteps,
        sampler: 'ddpm',
        labels,
        batch,
        seed,
        clip,
        signal,
      } as const
      pictures = await runUpsampler(upsampler, engine, pictures, run)
      signal.throwIfAborted()
    }
    await writePictures(options.out, pictures, plan)
    console.log(options.out)
  })
