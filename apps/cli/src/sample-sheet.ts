import { Canvas, type Colour, type Fonts, loadFonts, textWidth } from './canvas.ts'
import { type Pictures, picture } from './pixels.ts'

const gap = 2
const margin = 12
/** Pictures side by side, at most. */
const widest = 20
const smallest = 64
const background: Colour = [250, 250, 248]
const ink: Colour = [40, 42, 46]

/** Pictures of one class, or all where there are no classes. */
interface Row {
  readonly name: string
  readonly indices: readonly number[]
}

/**
 * All pictures on one sheet, enlarged by a whole factor where they are small. A row a class, its name at the left; a
 * class of many pictures takes several rows. A single class, or none, is arranged near to a square.
 *
 * @param names the class of each picture, those of a class together; empty where there are none.
 */
export async function sampleSheet(pictures: Pictures, names: readonly string[]): Promise<Canvas> {
  const [count, height, width] = pictures.shape
  const fonts = await loadFonts()
  const rows = classRows(count, names)
  const most = Math.max(...rows.map(({ indices }) => indices.length))
  const columns = rows.length === 1 ? Math.ceil(Math.sqrt(most)) : Math.min(most, widest)
  const scale = Math.max(1, Math.floor(smallest / Math.max(height, width)))
  const [across, down] = [width * scale + gap, height * scale + gap]
  const lines = rows.map(({ indices }) => Math.ceil(indices.length / columns))
  const left = margin + captionWidth(rows, fonts)
  const canvas = new Canvas(
    left + columns * across - gap + margin,
    margin + sum(lines) * down - gap + margin,
    background,
  )
  let top = margin
  for (const [r, { name, indices }] of rows.entries()) {
    const middle = top + (height * scale - fonts.text.height) / 2
    canvas.text(name, fonts.text, { x: left - margin, y: Math.round(middle), align: 'right', colour: ink })
    for (const [i, index] of indices.entries()) {
      const place = { x: left + (i % columns) * across, y: top + Math.floor(i / columns) * down }
      canvas.image(picture(pictures, index), { ...place, scale })
    }
    top += (lines[r] as number) * down
  }
  return canvas
}

function classRows(count: number, names: readonly string[]): Row[] {
  const rows = new Map<string, number[]>()
  for (let n = 0; n < count; n++) {
    const name = names[n] ?? ''
    rows.set(name, [...(rows.get(name) ?? []), n])
  }
  return [...rows].map(([name, indices]) => ({ name, indices }))
}

/** Room for the longest name and what stands between it and the pictures. */
function captionWidth(rows: readonly Row[], { text }: Fonts): number {
  const longest = Math.max(...rows.map(({ name }) => textWidth(name, text)))
  return longest === 0 ? 0 : Math.ceil(longest) + margin
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
