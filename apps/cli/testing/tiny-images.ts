import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encode } from 'fast-png'

/** Grey value of a pixel: stripes whose direction is their class. */
const stripes = (n: number, y: number, x: number) =>
  (((n % 3 === 0 ? x : n % 3 === 1 ? y : x + y) + n) % 4) * 80

/** Writes 24 images of 4 × 4 in three classes as the two files of MNIST's form. */
export async function writeIdx(folder: string, { labels = true } = {}): Promise<void> {
  const [count, size] = [24, 4]
  const images = Buffer.alloc(16 + count * size * size)
  for (const [i, value] of [0x803, count, size, size].entries()) images.writeUInt32BE(value, 4 * i)
  for (let n = 0; n < count; n++)
    for (let p = 0; p < size * size; p++)
      images[16 + n * size * size + p] = stripes(n, Math.floor(p / size), p % size)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'train-images-idx3-ubyte'), images)
  if (!labels) return
  const classes = Buffer.alloc(8 + count)
  for (const [i, value] of [0x801, count].entries()) classes.writeUInt32BE(value, 4 * i)
  for (let n = 0; n < count; n++) classes[8 + n] = n % 3
  await writeFile(join(folder, 'train-labels-idx1-ubyte'), classes)
}

/** Writes six coloured PNGs of 6 × 6 in two folders, `Left` and `Right`. */
export async function writePngs(folder: string): Promise<void> {
  for (let n = 0; n < 6; n++) {
    const data = Uint8Array.from({ length: 108 }, (_, i) =>
      stripes(n, Math.floor(i / 18), Math.floor(i / 3) % 6),
    )
    const path = join(folder, n % 2 === 0 ? 'Left' : 'Right')
    await mkdir(path, { recursive: true })
    await writeFile(join(path, `${n}.png`), encode({ width: 6, height: 6, data, channels: 3, depth: 8 }))
  }
}

/** Options that make a network of a moment, on an engine that is there wherever npm is. */
export const tinyNetwork = ['--multipliers', '1', '--blocks', '1', '--attention', 'none', '--engine', 'wasm']
