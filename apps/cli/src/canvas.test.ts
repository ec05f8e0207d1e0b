import { decode } from 'fast-png'
import { expect, test } from 'vitest'
import { Canvas, loadFonts, textWidth, wrapText } from './canvas.ts'

const fonts = await loadFonts()
const white = [255, 255, 255] as const
const colour = [0, 0, 0] as const

/** Columns from the first to the last that a line inked. */
function inkedColumns(canvas: Canvas): [number, number] {
  const columns = Array.from({ length: canvas.width }, (_, x) => x).filter((x) =>
    Array.from({ length: canvas.height }, (_, y) => canvas.pixels[(y * canvas.width + x) * 3]).some(
      (value) => (value as number) < 128,
    ),
  )
  return [Math.min(...columns), Math.max(...columns)]
}

test('text stands where its alignment says, and is as wide as measured', () => {
  const width = textWidth('γ = 8', fonts.text)
  const starts = { left: 60, centre: 60 - width / 2, right: 60 - width }
  for (const [align, start] of Object.entries(starts)) {
    const canvas = new Canvas(120, 30, white)
    canvas.text('γ = 8', fonts.text, { x: 60, y: 2, align: align as keyof typeof starts, colour })
    const [first, last] = inkedColumns(canvas)
    expect(Math.abs(first - start)).toBeLessThan(4)
    expect(Math.abs(last - start - width)).toBeLessThan(4)
  }
})

test('lines are wrapped between words, and none is wider than allowed but a word alone', () => {
  const text = 'Pictures of a row begin with the same noise and unimaginablylongnouns'
  const lines = wrapText(text, fonts.text, 120)
  expect(lines.join(' ')).toBe(text)
  expect(lines.length).toBeGreaterThan(3)
  for (const line of lines)
    if (line.includes(' ')) expect(textWidth(line, fonts.text)).toBeLessThanOrEqual(120)
})

test('a letter that was not drawn shows as a question mark', () => {
  const [unknown, mark] = ['犬', '?'].map((line) => {
    const canvas = new Canvas(20, 24, white)
    canvas.text(line, fonts.text, { x: 2, y: 2, colour })
    return canvas.pixels
  })
  expect(unknown).toEqual(mark)
})

test('an image is enlarged by whole pixels, grey or in colour', () => {
  const canvas = new Canvas(4, 2, white)
  canvas.image({ data: Uint8Array.of(10, 20), height: 1, width: 2, channels: 1 }, { x: 0, y: 0, scale: 2 })
  const { data, width, height } = decode(canvas.png())
  expect([width, height]).toEqual([4, 2])
  const row = [10, 10, 10, 10, 10, 10, 20, 20, 20, 20, 20, 20]
  expect([...data]).toEqual([...row, ...row])
  canvas.image({ data: Uint8Array.of(1, 2, 3), height: 1, width: 1, channels: 3 }, { x: 3, y: 1 })
  expect([...canvas.pixels.slice(-3)]).toEqual([1, 2, 3])
})
