import { createClassifier } from '@guided-diffusion/classifier'
import { type DiffusionDescription, describedDiffusion } from '@guided-diffusion/diffusion'
import { trainClassifier } from '@guided-diffusion/training'
import { Command, Option } from 'commander'
import { UsageError } from '../errors.ts'
import { runOptions, sharedOptions, type TrainOptions, trunkConfig } from '../train-options.ts'
import { trainIn } from '../training-run.ts'

interface ClassifierOptions extends TrainOptions {
  readonly pool: 'adaptive' | 'attention' | 'spatial' | 'spatial-v2'
}

export const trainClassifierCommand = sharedOptions(new Command('classifier'))
  .description('train a classifier on noised images')
  .addOption(
    new Option('--pool <kind>', 'how the encoder ends')
      .choices(['adaptive', 'attention', 'spatial', 'spatial-v2'])
      .default('attention'),
  )
  .addHelpText(
    'after',
    `
Examples:
  guided-diffusion train classifier --data fashion-mnist/ --out runs/classifier --steps 5000 --multipliers 1,2,2
  guided-diffusion train classifier --out runs/classifier --resume --steps 10000`,
  )
  .action(async (_, command: Command) => {
    const { options, place } = await runOptions<ClassifierOptions>('classifier', command)
    await trainIn(place, options, async ({ dataset, weights }) => {
      const classes = dataset.classes.length
      if (classes === 0) {
        throw new UsageError(
          `The images in ${options.data} have no classes.`,
          'Put those of a class in a folder of their own, or add the file of labels.',
        )
      }
      // prediction and variance play no part in noising images
      const diffusion: DiffusionDescription = {
        schedule: options.schedule,
        steps: options.diffusionSteps,
        prediction: 'epsilon',
        variance: 'fixed-small',
      }
      const config = { ...trunkConfig(options, dataset.shape), pool: options.pool }
      const first = await weights({ kind: 'classifier', config: { ...config, outChannels: classes } })
      const network = createClassifier({ ...config, classes }, first)
      return {
        diffusion,
        description: { kind: 'classifier', config: network.config },
        network,
        begin: (shared) =>
          trainClassifier({
            ...shared,
            diffusion: describedDiffusion(diffusion),
            classifier: network,
            timesteps: options.timesteps,
          }),
      }
    })
  })
