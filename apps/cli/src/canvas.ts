import { readFile } from 'node:fs/promises'
import { decode, encode } from 'fast-png'

/** Red, green and blue, 0 to 255. */
export type Colour = readonly [number, number, number]

export type Alignment = 'left' | 'centre' | 'right'

/** A letter's place in its strip, its bearing and its advance, pixels. */
type Letter = readonly [x: number, width: number, left: number, advance: number]

/** A size of letters. */
export interface Letters {
  readonly height: number
  readonly letters: Readonly<Record<string, Letter>>
  readonly strip: { readonly width: number; readonly data: ArrayLike<number> }
}

/** The letters that captions are drawn with. */
export interface Fonts {
  readonly text: Letters
  readonly title: Letters
}

/** Reads the letters: DejaVu Sans, drawn once by `tooling/font/make.py`. */
export async function loadFonts(): Promise<Fonts> {
  const asset = (name: string) => readFile(new URL(`../assets/${name}`, import.meta.url))
  const table = JSON.parse(await asset('letters.json').then(String)) as Record<
    keyof Fonts,
    Omit<Letters, 'strip'>
  >
  const load = async (name: keyof Fonts): Promise<Letters> => {
    const { width, data } = decode(await asset(`letters-${name}.png`))
    return { ...table[name], strip: { width, data } }
  }
  return { text: await load('text'), title: await load('title') }
}

/** A letter, or a question mark for one that was not drawn. */
function letterOf({ letters }: Letters, letter: string): Letter {
  return letters[letter] ?? (letters['?'] as Letter)
}

/** Pixels that a line takes. */
export function textWidth(line: string, font: Letters): number {
  return [...line].reduce((sum, letter) => sum + letterOf(font, letter)[3], 0)
}

/** A text as lines that are no wider than so many pixels; a word that is wider stands alone. */
export function wrapText(text: string, font: Letters, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const longer = [...lines.slice(-1), word].join(' ')
    if (lines.length > 0 && textWidth(longer, font) <= width) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}

/** A picture in colour that pictures and captions are put on. */
export class Canvas {
  readonly width: number
  readonly height: number
  readonly pixels: Uint8Array

  constructor(width: number, height: number, background: Colour) {
    this.width = width
    this.height = height
    this.pixels = new Uint8Array(width * height * 3)
    for (let i = 0; i < this.pixels.length; i++) this.pixels[i] = background[i % 3] as number
  }

  /** Puts an image `[H, W, C]`, C of 1 or 3, at (x, y), each of its pixels `scale` pixels wide. */
  image(
    { data, height, width, channels }: { data: Uint8Array; height: number; width: number; channels: number },
    { x, y, scale = 1 }: { x: number; y: number; scale?: number },
  ): void {
    for (let row = 0; row < height * scale; row++) {
      for (let column = 0; column < width * scale; column++) {
        const from = (Math.floor(row / scale) * width + Math.floor(column / scale)) * channels
        const to = ((y + row) * this.width + x + column) * 3
        for (let c = 0; c < 3; c++) this.pixels[to + c] = data[from + (channels === 3 ? c : 0)] as number
      }
    }
  }

  /** Writes a line whose top is at y; `align` says what x is. */
  text(
    line: string,
    font: Letters,
    { x, y, align = 'left', colour }: { x: number; y: number; align?: Alignment; colour: Colour },
  ): void {
    const { strip, height } = font
    const width = textWidth(line, font)
    let pen = x - { left: 0, centre: width / 2, right: width }[align]
    for (const letter of line) {
      const [from, size, left, advance] = letterOf(font, letter)
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < size; column++) {
          const alpha = (strip.data[row * strip.width + from + column] as number) / 255
          if (alpha > 0) this.blend(Math.round(pen + left) + column, y + row, colour, alpha)
        }
      }
      pen += advance
    }
  }

  /** The picture as a PNG file. */
  png(): Uint8Array {
    return encode({ width: this.width, height: this.height, data: this.pixels, channels: 3, depth: 8 })
  }

  private blend(x: number, y: number, colour: Colour, alpha: number): void {
    if (x < 0 || x >= this.width || y < 0 || y >= this.height) return
    const at = (y * this.width + x) * 3
    for (let c = 0; c < 3; c++) {
      const below = this.pixels[at + c] as number
      this.pixels[at + c] = Math.round(below + alpha * ((colour[c] as number) - below))
    }
  }
}
