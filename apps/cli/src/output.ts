import { dirname, extname, join } from 'node:path'
import { saveNpz, type WeightTensor } from '@guided-diffusion/checkpoints'
import { encode } from 'fast-png'
import type { Classes } from './class-list.ts'
import { UsageError } from './errors.ts'
import { type Pictures, picture } from './pixels.ts'
import { sampleSheet } from './sample-sheet.ts'
import { makeFolder, requireWritable, writeBeside } from './write-beside.ts'

/**
 * Where samples go, by the ending of the name.
 *
 * @throws UsageError for an ending that is none of them.
 */
export function outputKind(path: string): 'png' | 'npz' | 'folder' {
  const extension = extname(path).toLowerCase()
  if (extension === '.png') return 'png'
  if (extension === '.npz') return 'npz'
  if (extension === '' || /[/\\]$/.test(path)) return 'folder'
  throw new UsageError(
    `${path} is neither a PNG, an npz nor a folder.`,
    'Give --out FILE.png, FILE.npz or DIR (with a slash at its end if its name has a dot).',
  )
}

/**
 * Makes sure that samples can be written, before they are made.
 *
 * @throws UsageError, OutputError
 */
export async function requireOutput(path: string): Promise<void> {
  await requireWritable(path, outputKind(path) === 'folder' ? 'folder' : 'file')
}

/**
 * Writes samples: a sheet as one PNG; an npz with `arr_0` uint8 `[N, H, W, C]` and, where there are classes, `arr_1`
 * int64 `[N]`, as the reference code writes it; or a folder with one PNG a sample.
 *
 * @param labels the class of each picture; none where the model knows no classes.
 */
export async function writePictures(
  path: string,
  pictures: Pictures,
  { labels, classes }: { labels: readonly number[]; classes: Classes },
): Promise<void> {
  const names = labels.map((label) => classes.names[label] ?? String(label))
  switch (outputKind(path)) {
    case 'png':
      return writeBeside(path, (await sampleSheet(pictures, names)).png())
    case 'npz':
      return writeNpz(path, pictures, labels)
    case 'folder':
      return writeFolder(path, pictures, names)
  }
}

async function writeNpz(path: string, { data, shape }: Pictures, labels: readonly number[]): Promise<void> {
  const arrays = new Map<string, WeightTensor>([['arr_0', { dtype: 'uint8', shape, data }]])
  if (labels.length > 0)
    arrays.set('arr_1', {
      dtype: 'int64',
      shape: [labels.length],
      data: BigInt64Array.from(labels, BigInt),
    })
  await makeFolder(dirname(path))
  await saveNpz(path, arrays)
}

/** `07-ankle-boot.png`: number of the sample, name of its class. */
async function writeFolder(path: string, pictures: Pictures, names: readonly string[]): Promise<void> {
  const count = pictures.shape[0]
  const digits = String(count - 1).length
  for (let n = 0; n < count; n++) {
    const name = names[n]?.replace(/[^\p{L}\p{N}.]+/gu, '-')
    const file = [String(n).padStart(digits, '0'), ...(name ? [name] : [])].join('-')
    const image = picture(pictures, n)
    await writeBeside(
      join(path, `${file}.png`),
      encode({ ...image, channels: image.channels as 1 | 3, depth: 8 }),
    )
  }
}
