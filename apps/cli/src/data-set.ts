import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Dataset, idx, imageFolder } from '@guided-diffusion/datasets'
import { UsageError } from './errors.ts'

export interface DataSetOptions {
  /** A folder of images, or one with the files of MNIST's form. */
  readonly data: string
  /** Size that images of a folder are brought to. */
  readonly size?: number
  readonly classNames?: readonly string[]
}

const parts = { train: 'train', test: 't10k' } as const

/** The images that `--data` names: IDX files where the folder has them, else pictures below it. */
export async function openDataSet(
  options: DataSetOptions,
  part: keyof typeof parts = 'train',
): Promise<Dataset> {
  const { data, size, classNames } = options
  const folder = await stat(data).catch(() => undefined)
  if (!folder?.isDirectory()) {
    throw new UsageError(
      `There is no folder ${data}.`,
      'Give a folder of images, or one with train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz.',
    )
  }
  const images = idxFile(data, `${parts[part]}-images-idx3-ubyte`)
  if (images) {
    const labels = idxFile(data, `${parts[part]}-labels-idx1-ubyte`)
    return idx({ images, ...(labels ? { labels } : {}), ...(classNames ? { classes: classNames } : {}) })
  }
  if (size === undefined) {
    throw new UsageError(
      `${data} is a folder of images, which have no common size.`,
      'Say what size to bring them to: --size 64.',
    )
  }
  return imageFolder(data, { size })
}

function idxFile(folder: string, name: string): string | undefined {
  return [name, `${name}.gz`].map((file) => join(folder, file)).find(existsSync)
}
