import { columnsOf } from '../plans.ts'
import type { StepPicture } from '../protocol.ts'
import type { Run } from '../runs.ts'
import { cellPixels } from './frame-pixels.ts'

/** Least side of a saved picture, pixels. */
const leastSide = 280

/**
 * Saves all pictures of a run as a table, those of one noise side by side, each pixel as a square of its own. Answers with the
 * file's name.
 *
 * @throws Error where the browser can't make a picture of them.
 */
export async function savePng(run: Run, frame: StepPicture): Promise<string> {
  const [height, width] = run.model.shape
  const { cells } = run.plan
  const columns = columnsOf(run.plan)
  const scale = Math.max(1, Math.round(leastSide / width / (cells.length > 2 ? 2 : 1)))
  const gap = cells.length > 1 ? 4 : 0
  const canvas = document.createElement('canvas')
  canvas.width = columns * (width * scale + gap) - gap
  canvas.height = Math.ceil(cells.length / columns) * (height * scale + gap) - gap
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  context.imageSmoothingEnabled = false
  for (const place of cells.keys()) {
    const bitmap = await createImageBitmap(
      new ImageData(cellPixels(frame.x, place, run.model.shape).colours, width),
    )
    const [column, row] = [place % columns, Math.floor(place / columns)]
    context.drawImage(
      bitmap,
      column * (width * scale + gap),
      row * (height * scale + gap),
      width * scale,
      height * scale,
    )
  }
  const name = `guided-${run.model.classNames[cells[0]?.label ?? 0] ?? 'sample'}-${run.plan.seed}.png`
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'))
  if (!blob) throw new Error('The browser could not write the picture as PNG.')
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
  return name
}
