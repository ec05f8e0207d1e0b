import { resolve } from 'node:path'
import type { Classifier } from '@guided-diffusion/classifier'
import { type Diffusion, ddim, describedDiffusion, sample } from '@guided-diffusion/diffusion'
import { classifierGuidance, unconditional } from '@guided-diffusion/guidance'
import type { UNet } from '@guided-diffusion/models'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import * as tf from '@tensorflow/tfjs-core'
import { Command } from 'commander'
import { type Column, demoSheet, percent } from '../demo-sheet.ts'
import { type Engine, engineOption, startEngine } from '../engine.ts'
import { interruptSignal } from '../interrupt.ts'
import { list, number, whole } from '../numbers.ts'
import { type Pictures, toBytes } from '../pixels.ts'
import { duration, progress } from '../progress.ts'
import { findClassifier, findDenoiser, loadClassifier, loadDenoiser } from '../trained-network.ts'
import { requireWritable, writeBeside } from '../write-beside.ts'

interface DemoOptions {
  readonly scales: readonly number[]
  readonly steps: number
  readonly seed: number
  readonly engine: string
  readonly out: string
  readonly verbose: boolean
}

export const demo = new Command('demo')
  .description(
    'a picture of what guidance does: one row a class, one column for each γ, the same noise along a row',
  )
  .option('--scales <numbers>', 'γ of the columns', list(number(0)), [0, 1, 2, 4, 8])
  .option('--steps <number>', 'DDIM steps', whole(1), 25)
  .option('--seed <number>', 'names the noise', whole(), 1)
  .addOption(engineOption())
  .option('--out <file>', 'where the PNG goes', 'guided-diffusion.png')
  .addHelpText(
    'after',
    `
Examples:
  guided-diffusion demo
  guided-diffusion demo --scales 0,0.5,1,2,4,8,16 --steps 50 --seed 7 --out guidance.png`,
  )
  .action(async (_, command: Command) => {
    const options = command.optsWithGlobals<DemoOptions>()
    const { scales, steps, seed, out } = options
    const signal = interruptSignal('nothing is written')
    const began = performance.now()
    await requireWritable(out, 'file')
    const denoiser = await findDenoiser(pretrained.denoiser)
    const diffusion = describedDiffusion(denoiser.diffusion, `ddim${steps}`)
    const engine = await startEngine(options.engine, { verbose: options.verbose })
    const unet = await loadDenoiser(denoiser, signal)
    const classifier = await loadClassifier(await findClassifier(pretrained.classifier), signal)
    const { pictures, columns } = await guidedTable({
      diffusion,
      unet,
      classifier,
      engine,
      scales,
      seed,
      signal,
    })
    unet.dispose()
    classifier.dispose()
    const sheet = await demoSheet({
      pictures,
      columns,
      classes: pretrained.classes,
      introduction:
        `One diffusion model, which is not told the class, and ${steps} DDIM steps. Pictures of a row begin with the ` +
        'same noise; γ says how strongly a classifier pulls them to the class at the left.',
      footnote:
        'Percent: the probability that the same classifier gives the wanted class, mean of the column. Another ' +
        'classifier may be less sure.',
    })
    await writeBeside(out, sheet.png())
    console.log('how sure the classifier is of the wanted class:')
    for (const { scale, sure } of columns) console.log(`  γ = ${String(scale).padEnd(4)} ${percent(sure)}`)
    console.log(`${resolve(out)}, made in ${duration((performance.now() - began) / 1000)}`)
  })

/** A picture for each class and γ, row by row, all in one batch; a row shares its noise. */
async function guidedTable({
  diffusion,
  unet,
  classifier,
  engine,
  scales,
  seed,
  signal,
}: {
  diffusion: Diffusion
  unet: UNet
  classifier: Classifier
  engine: Engine
  scales: readonly number[]
  seed: number
  signal: AbortSignal
}): Promise<{ pictures: Pictures; columns: Column[] }> {
  const cells = pretrained.classes.flatMap((_, row) => scales.map((scale) => ({ row, scale })))
  const labels = cells.map(({ row }) => row)
  const steps = engine.steps({ weights: [unet.parameters, classifier.parameters] })
  const line = progress('sampling', diffusion.schedule.steps)
  try {
    for await (const step of sample({
      diffusion,
      denoiser: unconditional(unet),
      sampler: ddim(),
      guidance: classifierGuidance(classifier, { scale: cells.map(({ scale }) => scale) }),
      shape: pretrained.shape,
      samples: labels,
      labels,
      seed,
      signal,
      ...(steps ? { execute: steps.execute } : {}),
    })) {
      line.update(step.index + 1)
      if (step.index < step.total - 1) continue
      const sure = await certainty(engine, classifier, step.x, labels)
      const columns = scales.map((scale, column) => ({
        scale,
        sure: mean(sure.filter((_, cell) => cell % scales.length === column)),
      }))
      const data = toBytes(await step.x.data<'float32'>())
      return { pictures: { data, shape: [cells.length, ...pretrained.shape] }, columns }
    }
  } finally {
    line.end()
    await steps?.dispose()
  }
  throw new Error('The sampler made no step.')
}

/** p(y | x_0) of each image. */
async function certainty(
  engine: Engine,
  classifier: Classifier,
  x: tf.Tensor4D,
  labels: readonly number[],
): Promise<number[]> {
  const inputs = { x, t: tf.zeros([labels.length]), y: tf.tensor1d([...labels], 'int32') }
  const { probability } = await engine.compute(
    (given) => ({
      probability: tf.tidy(() =>
        tf.exp(
          classifier.logProbability(given.x as tf.Tensor4D, given.t as tf.Tensor1D, given.y as tf.Tensor1D),
        ),
      ),
    }),
    inputs,
  )
  try {
    return [...(await probability.data<'float32'>())]
  } finally {
    tf.dispose([probability, inputs.t, inputs.y])
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
