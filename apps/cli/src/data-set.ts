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
  /** Names of the labels in MNIST's form. */
  readonly classNames?: readonly string[]
}

/**
 * The square images that `--data` names: IDX files where the folder has them, else pictures below it.
 *
 * @throws UsageError where the options don't fit what is there; the errors of `@guided-diffusion/datasets`.
 */
export async function openDataSet(options: DataSetOptions): Promise<Dataset> {
  const { data } = options
  const folder = await stat(data).catch(() => undefined)
  if (!folder?.isDirectory()) {
    throw new UsageError(
      `There is no folder ${data}.`,
      'Give a folder of images, or one with train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz.',
    )
  }
  const images = idxFile(data, 'train-images-idx3-ubyte')
  return images ? openIdx(images, options) : openFolder(options)
}

async function openIdx(images: string, { data, size, classNames }: DataSetOptions): Promise<Dataset> {
  const labels = idxFile(data, 'train-labels-idx1-ubyte')
  const dataset = await idx({
    images,
    ...(labels ? { labels } : {}),
    ...(labels && classNames ? { classes: classNames } : {}),
  })
  const [height, width] = dataset.shape
  if (height !== width)
    throw new UsageError(`The images in ${images} are ${height} × ${width}.`, 'Networks take square images.')
  if (size !== undefined && size !== height)
    throw new UsageError(
      `The images in ${images} are ${height} pixels wide, not ${size}.`,
      'Leave --size out.',
    )
  if (classNames && !labels)
    throw new UsageError(
      `There is no train-labels-idx1-ubyte in ${data} to name.`,
      'Leave --class-names out.',
    )
  return dataset
}

async function openFolder({ data, size, classNames }: DataSetOptions): Promise<Dataset> {
  if (classNames) {
    throw new UsageError(
      `The classes in ${data} are called after its folders or files.`,
      'Leave --class-names out: they name the labels of MNIST’s form.',
    )
  }
  if (size !== undefined) return imageFolder(data, { size })
  throw new UsageError(
    `${data} is a folder of images, which have no common size.`,
    'Say what size to bring them to: --size 64.',
  )
}

function idxFile(folder: string, name: string): string | undefined {
  return [name, `${name}.gz`].map((file) => join(folder, file)).find(existsSync)
}
