import type { Dataset } from '@guided-diffusion/datasets'
import { type DiffusionDescription, describedDiffusion, learnsVariance } from '@guided-diffusion/diffusion'
import { createUNet, type NetworkDescription, type UNetConfig } from '@guided-diffusion/models'
import { trainDenoiser } from '@guided-diffusion/training'
import { Command, Option } from 'commander'
import { number } from '../numbers.ts'
import { runOptions, sharedOptions, type TrainOptions, trunkConfig } from '../train-options.ts'
import { trainIn } from '../training-run.ts'

interface DenoiserOptions extends TrainOptions {
  readonly prediction: DiffusionDescription['prediction']
  readonly variance: DiffusionDescription['variance']
  readonly loss: 'simple' | 'mse' | 'hybrid' | 'kl' | 'rescaled-kl'
  readonly minSnr?: number
  readonly labelDropout: number
  readonly unconditional: boolean
}

export const trainDenoiserCommand = sharedOptions(new Command('denoiser'))
  .description('train a UNet to undo noise')
  .addOption(
    new Option('--prediction <kind>', 'what the network predicts')
      .choices(['epsilon', 'x-start', 'v', 'previous-x'])
      .default('epsilon'),
  )
  .addOption(
    new Option('--variance <kind>', 'variance of the reverse step')
      .choices(['fixed-small', 'fixed-large', 'learned', 'learned-range'])
      .default('learned-range'),
  )
  .addOption(
    new Option('--loss <kind>', 'objective')
      .choices(['simple', 'mse', 'hybrid', 'kl', 'rescaled-kl'])
      .default('hybrid'),
  )
  .option('--min-snr <number>', 'weight noise levels by min(SNR, this)', number(0))
  .option('--label-dropout <share>', 'labels replaced by the null class', number(0, 1), 0.2)
  .option('--unconditional', 'do not tell the network the class', false)
  .addHelpText(
    'after',
    `
Examples:
  guided-diffusion train denoiser --data fashion-mnist/ --out runs/denoiser --steps 10000
  guided-diffusion train denoiser --data cats/ --size 64 --out runs/cats --width 128 --multipliers 1,2,3,4
  guided-diffusion train denoiser --out runs/denoiser --resume --steps 20000`,
  )
  .action(async (_, command: Command) => {
    const { options, place } = await runOptions<DenoiserOptions>('unet', command)
    await trainIn(place, options, async ({ dataset, weights }) => {
      const diffusion: DiffusionDescription = {
        schedule: options.schedule,
        steps: options.diffusionSteps,
        prediction: options.prediction,
        variance: options.variance,
      }
      const config = unetConfig(options, dataset)
      const description: NetworkDescription = { kind: 'unet', config }
      const network = createUNet(config, await weights(description))
      return {
        diffusion,
        description: { kind: 'unet', config: network.config },
        network,
        begin: (shared) =>
          trainDenoiser({
            ...shared,
            diffusion: describedDiffusion(diffusion),
            denoiser: network,
            loss: options.loss,
            weighting: options.minSnr === undefined ? 'uniform' : { minSnr: options.minSnr },
            timesteps: options.timesteps,
            labelDropout: config.nullClass ? options.labelDropout : 0,
          }),
      }
    })
  })

/** A network with classes has a null class too, so that it serves with and without. */
function unetConfig(options: DenoiserOptions, { shape, classes }: Dataset): UNetConfig {
  const channels = shape[2]
  const labelled = classes.length > 0 && !options.unconditional
  return {
    ...trunkConfig(options, shape),
    outChannels: learnsVariance(options.variance) ? 2 * channels : channels,
    ...(labelled ? { classes: classes.length, nullClass: true } : {}),
  }
}
