import { mkdir } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { saveNpz } from '@guided-diffusion/checkpoints'
import { encode } from 'fast-png'
import { UsageError } from './errors.ts'
import { type Pictures, picture } from './pixels.ts'
import { writeBeside } from './run-folder.ts'

/** Where samples go: by the ending of the name. */
export function outputKind(path: string): 'png' | 'npz' | 'folder' {
  const extension = extname(path)
  if (extension === '.png') return 'png'
  if (extension === '.npz') return 'npz'
  if (extension === '') return 'folder'
  throw new UsageError(
    `${path} is neither a PNG, an npz nor a folder.`,
    'Give --out FILE.png, FILE.npz or DIR.',
  )
}

/**
 * Writes samples: one PNG with a row a class, an npz with `arr_0` uint8 `[N, H, W, C]` and `arr_1` int64 `[N]` as the
 * reference code writes it, or a folder with one PNG a sample.
 */
export async function writePictures(
  path: string,
  pictures: Pictures,
  { labels, classes }: { labels: readonly number[]; classes: readonly string[] },
): Promise<void> {
  const kind = outputKind(path)
  await mkdir(kind === 'folder' ? path : dirname(path), { recursive: true })
  if (kind === 'png') return writeBeside(path, grid(pictures, new Set(labels).size))
  if (kind === 'npz') {
    const { data, shape } = pictures
    return saveNpz(
      path,
      new Map([
        ['arr_0', { dtype: 'uint8', shape, data }],
        ['arr_1', { dtype: 'int64', shape: [labels.length], data: BigInt64Array.from(labels, BigInt) }],
      ]),
    )
  }
  const digits = String(labels.length - 1).length
  for (const [n, label] of labels.entries()) {
    const name = [String(n).padStart(digits, '0'), ...(classes[label] ? [classes[label]] : [])].join('-')
    await writeBeside(join(path, `${name}.png`), png(picture(pictures, n)))
  }
}

/** All pictures side by side: a row a class where they spread evenly, else as near to a square as they go. */
function grid(pictures: Pictures, classes: number): Uint8Array {
  const [count, height, width, channels] = pictures.shape
  const columns = count % classes === 0 && classes > 1 ? count / classes : Math.ceil(Math.sqrt(count))
  const rows = Math.ceil(count / columns)
  const scale = Math.max(1, Math.floor(64 / Math.max(height, width)))
  const [sheetWidth, sheetHeight] = [columns * width * scale, rows * height * scale]
  const data = new Uint8Array(sheetWidth * sheetHeight * channels)
  for (let n = 0; n < count; n++) {
    const image = picture(pictures, n)
    const [top, left] = [Math.floor(n / columns) * height * scale, (n % columns) * width * scale]
    for (let y = 0; y < height * scale; y++) {
      for (let x = 0; x < width * scale; x++) {
        const from = (Math.floor(y / scale) * width + Math.floor(x / scale)) * channels
        const to = ((top + y) * sheetWidth + left + x) * channels
        for (let c = 0; c < channels; c++) data[to + c] = image.data[from + c] as number
      }
    }
  }
  return png({ data, height: sheetHeight, width: sheetWidth, channels })
}

function png(image: { data: Uint8Array; height: number; width: number; channels: number }): Uint8Array {
  return encode({ ...image, channels: image.channels as 1 | 3, depth: 8 })
}
