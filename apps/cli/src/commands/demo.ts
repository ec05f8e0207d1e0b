import { resolve } from 'node:path'
import { ddim, describedDiffusion, sample } from '@guided-diffusion/diffusion'
import { classifierGuidance, unconditional } from '@guided-diffusion/guidance'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import * as tf from '@tensorflow/tfjs-core'
import { Command } from 'commander'
import { Canvas, loadFonts } from '../canvas.ts'
import { engineOption, startEngine } from '../engine.ts'
import { interruptSignal } from '../interrupt.ts'
import { list, number, whole } from '../numbers.ts'
import { type Pictures, picture, toBytes } from '../pixels.ts'
import { duration, progress } from '../progress.ts'
import { writeBeside } from '../run-folder.ts'
import { openClassifier, openDenoiser } from '../trained-network.ts'

interface DemoOptions {
  readonly scales: number[]
  readonly steps: number
  readonly seed: number
  readonly engine: string
  readonly out: string
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
  .action(async (options: DemoOptions) => {
    const signal = interruptSignal()
    const began = performance.now()
    const engine = await startEngine(options.engine)
    for (const { backend, reason } of engine.skipped) process.stderr.write(`not ${backend}: ${reason}\n`)
    process.stderr.write(`engine: ${engine.name}, ${engine.description}\n`)
    const { unet, facts } = await openDenoiser(pretrained.denoiser)
    const { classifier } = await openClassifier(pretrained.classifier)
    const { scales, steps, seed } = options
    // class by class, and γ by γ along each row; a row shares its noise
    const cells = pretrained.classes.flatMap((_, row) => scales.map((scale) => ({ row, scale })))
    const labels = cells.map(({ row }) => row)
    const line = progress('sampling', steps)
    let images: Float32Array | undefined
    let sure: number[] = []
    try {
      for await (const step of sample({
        diffusion: describedDiffusion(facts.diffusion, `ddim${steps}`),
        denoiser: unconditional(unet),
        sampler: ddim(),
        guidance: classifierGuidance(classifier, { scale: cells.map(({ scale }) => scale) }),
        shape: pretrained.shape,
        samples: labels,
        labels,
        seed,
        signal,
      })) {
        line.update(step.index + 1)
        if (step.index < step.total - 1) continue
        images = (await step.x.data<'float32'>()).slice()
        sure = await certainty(classifier, step.x, labels)
      }
    } finally {
      line.end()
    }
    unet.dispose()
    classifier.dispose()
    const columns = scales.map((scale, i) => ({
      scale,
      sure: mean(sure.filter((_, cell) => cell % scales.length === i)),
    }))
    const pictures: Pictures = {
      data: toBytes(images as Float32Array),
      shape: [cells.length, ...pretrained.shape],
    }
    await writeBeside(options.out, (await sheet(pictures, columns, options)).png())
    console.log('how sure the classifier is of the wanted class:')
    for (const column of columns)
      console.log(`  γ = ${String(column.scale).padEnd(4)} ${percent(column.sure)}`)
    console.log(`${resolve(options.out)}, made in ${duration((performance.now() - began) / 1000)}`)
  })

/** p(y | x_0) of each image. */
async function certainty(
  classifier: Awaited<ReturnType<typeof openClassifier>>['classifier'],
  x: tf.Tensor4D,
  labels: readonly number[],
): Promise<number[]> {
  const probability = tf.tidy(() =>
    tf.exp(classifier.logProbability(x, tf.zeros([labels.length]), tf.tensor1d([...labels], 'int32'))),
  )
  try {
    return [...(await probability.data<'float32'>())]
  } finally {
    tf.dispose(probability)
  }
}

const tile = { scale: 4, gap: 6 }
const margin = { left: 132, right: 24, top: 150, bottom: 24 }
const ink = { background: [250, 250, 248], text: [40, 42, 46], faint: [112, 116, 122] } as const

/** The picture with its captions. */
async function sheet(
  pictures: Pictures,
  columns: readonly { scale: number; sure: number }[],
  { steps }: DemoOptions,
): Promise<Canvas> {
  const fonts = await loadFonts()
  const { classes, shape } = pretrained
  const pitch = shape[0] * tile.scale + tile.gap
  const canvas = new Canvas(
    margin.left + Math.max(columns.length * pitch - tile.gap, 560) + margin.right,
    margin.top + classes.length * pitch - tile.gap + margin.bottom,
    ink.background,
  )
  canvas.text('Classifier guidance', fonts.title, { x: margin.left, y: 22, colour: ink.text })
  canvas.text(
    `One unconditional diffusion model, ${steps} DDIM steps. Every row starts from one noise;`,
    fonts.text,
    {
      x: margin.left,
      y: 56,
      colour: ink.faint,
    },
  )
  canvas.text('the scale γ says how strongly a classifier pulls it to the row’s class.', fonts.text, {
    x: margin.left,
    y: 78,
    colour: ink.faint,
  })
  for (const [column, { scale, sure }] of columns.entries()) {
    const x = margin.left + column * pitch + (pitch - tile.gap) / 2
    canvas.text(`γ = ${scale}`, fonts.text, { x, y: 106, align: 'centre', colour: ink.text })
    canvas.text(`${percent(sure)} sure`, fonts.text, { x, y: 126, align: 'centre', colour: ink.faint })
  }
  for (const [row, name] of classes.entries()) {
    const y = margin.top + row * pitch
    canvas.text(name, fonts.text, {
      x: margin.left - 14,
      y: y + (pitch - tile.gap) / 2 - 10,
      align: 'right',
      colour: ink.text,
    })
    for (let column = 0; column < columns.length; column++) {
      const image = picture(pictures, row * columns.length + column)
      canvas.image(image, { x: margin.left + column * pitch, y, scale: tile.scale })
    }
  }
  return canvas
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const percent = (share: number) => `${Math.round(100 * share)}%`
