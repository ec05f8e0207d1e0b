import { Command } from 'commander'
import { trainClassifierCommand } from './train-classifier.ts'
import { trainDenoiserCommand } from './train-denoiser.ts'

export const train = new Command('train')
  .description('train a denoiser, or a classifier of noised images that guides it')
  .addCommand(trainDenoiserCommand)
  .addCommand(trainClassifierCommand)
  .addHelpText(
    'after',
    `
Examples:
  guided-diffusion train denoiser --data fashion-mnist/ --out runs/denoiser --steps 10000
  guided-diffusion train classifier --data fashion-mnist/ --out runs/classifier --steps 5000
  guided-diffusion sample --model runs/denoiser/model.safetensors --classifier runs/classifier/model.safetensors`,
  )
