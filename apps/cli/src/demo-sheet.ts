import { Canvas, type Colour, loadFonts, wrapText } from './canvas.ts'
import { type Pictures, picture } from './pixels.ts'

/** A γ, and the mean probability that the classifier gives the wanted class there. */
export interface Column {
  readonly scale: number
  readonly sure: number
}

export interface Sheet {
  /** Row by row. */
  readonly pictures: Pictures
  readonly columns: readonly Column[]
  /** Names of the rows. */
  readonly classes: readonly string[]
  /** Under the title, and under the pictures. */
  readonly introduction: string
  readonly footnote: string
}

const tile = { scale: 4, gap: 6 }
const margin = { outer: 24, names: 132 }
/** Least width of the text, pixels. */
const column = 560
const line = 22
const ink = {
  background: [250, 250, 248],
  text: [40, 42, 46],
  faint: [112, 116, 122],
} as const satisfies Readonly<Record<string, Colour>>

/** Pictures with a row a class and a column for each γ, and the words that explain them. */
export async function demoSheet(sheet: Sheet): Promise<Canvas> {
  const { pictures, columns, classes } = sheet
  const fonts = await loadFonts()
  const side = pictures.shape[1] * tile.scale
  const pitch = side + tile.gap
  const width = Math.max(columns.length * pitch - tile.gap, column)
  const introduction = wrapText(sheet.introduction, fonts.text, width)
  const footnote = wrapText(sheet.footnote, fonts.text, width)
  const captions = 62 + introduction.length * line + 8
  const top = captions + 2 * line + 4
  const bottom = top + classes.length * pitch - tile.gap
  const canvas = new Canvas(
    margin.names + width + margin.outer,
    bottom + 12 + footnote.length * line + margin.outer - 8,
    ink.background,
  )
  const write = (text: string, y: number, colour: Colour) =>
    canvas.text(text, fonts.text, { x: margin.names, y, colour })
  canvas.text('Classifier guidance', fonts.title, { x: margin.names, y: 24, colour: ink.text })
  for (const [i, text] of introduction.entries()) write(text, 62 + i * line, ink.faint)
  for (const [i, text] of footnote.entries()) write(text, bottom + 12 + i * line, ink.faint)
  for (const [c, { scale, sure }] of columns.entries()) {
    const place = { x: margin.names + c * pitch + side / 2, align: 'centre' } as const
    canvas.text(`γ = ${scale}`, fonts.text, { ...place, y: captions, colour: ink.text })
    canvas.text(percent(sure), fonts.text, { ...place, y: captions + line, colour: ink.faint })
  }
  for (const [row, name] of classes.entries()) {
    const y = top + row * pitch
    const middle = Math.round(y + (side - fonts.text.height) / 2)
    canvas.text(name, fonts.text, { x: margin.names - 14, y: middle, align: 'right', colour: ink.text })
    for (let c = 0; c < columns.length; c++) {
      const image = picture(pictures, row * columns.length + c)
      canvas.image(image, { x: margin.names + c * pitch, y, scale: tile.scale })
    }
  }
  return canvas
}

/** 0.873 → "87%". */
export const percent = (share: number) => `${Math.round(100 * share)}%`
