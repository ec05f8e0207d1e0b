/**
 * Draws the losses of a training run.
 *
 *   node tooling/training-curves.mjs runs/denoiser/metrics.jsonl curves.svg
 */
import { readFile, writeFile } from 'node:fs/promises'

const [, , from, to] = process.argv
if (!from || !to) {
  console.error('usage: node tooling/training-curves.mjs METRICS.jsonl CURVES.svg')
  process.exit(1)
}
const lines = (await readFile(from, 'utf8'))
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

const size = { width: 760, height: 420, left: 64, right: 150, top: 24, bottom: 48 }
const inner = { width: size.width - size.left - size.right, height: size.height - size.top - size.bottom }
/** Lines that a mean runs over, to both sides. */
const reach = 4

const series = [
  { name: 'loss', colour: '#1b1e23', value: ({ loss }) => loss },
  ...[0, 1, 2, 3].map((quarter) => ({
    name: `noise ${25 * quarter}–${25 * quarter + 25}%`,
    colour: ['#3b6fb6', '#2f9e8f', '#c98a1b', '#b5473c'][quarter],
    value: ({ lossByQuarter }) => lossByQuarter[quarter],
  })),
].map(({ value, ...look }) => ({ ...look, points: smoothed(lines.map(value)) }))

function smoothed(values) {
  return values.map((_, i) => {
    const near = values
      .slice(Math.max(0, i - reach), i + reach + 1)
      .filter((v) => Number.isFinite(v) && v > 0)
    return near.reduce((sum, v) => sum + v, 0) / near.length
  })
}

const known = series.flatMap(({ points }) => points.filter(Number.isFinite))
const [low, high] = [Math.min(...known), Math.max(...known)].map(Math.log10)
const [first, last] = [lines[0].samples, lines.at(-1).samples]
const x = (samples) => size.left + (inner.width * (samples - first)) / (last - first)
const y = (value) => size.top + inner.height * (1 - (Math.log10(value) - low) / (high - low))

const ticks = [1, 2, 5].flatMap((digit) => [-4, -3, -2, -1, 0, 1].map((power) => digit * 10 ** power))
const rows = ticks.filter((tick) => Math.log10(tick) >= low && Math.log10(tick) <= high)
const columns = [0, 0.25, 0.5, 0.75, 1].map((share) => first + share * (last - first))
const text = (at, words, options = '') => `<text x="${at[0]}" y="${at[1]}" ${options}>${words}</text>`

const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" font-family="sans-serif" font-size="12" fill="#4a4f57" role="img" aria-labelledby="title">
<title id="title">Losses of a training run over the images seen, in all and by noise level</title>
<rect width="100%" height="100%" fill="#fafaf8"/>
${rows
  .map(
    (tick) =>
      `<path d="M${size.left} ${y(tick).toFixed(1)}h${inner.width}" stroke="#e3e3df"/>${text([size.left - 8, y(tick) + 4], Number(tick.toPrecision(1)), 'text-anchor="end"')}`,
  )
  .join('\n')}
${columns.map((samples) => text([x(samples), size.height - size.bottom + 20], `${Math.round(samples / 1000)}k`, 'text-anchor="middle"')).join('\n')}
${text([size.left + inner.width / 2, size.height - 10], 'images seen', 'text-anchor="middle"')}
${series
  .map(({ name, colour, points }, i) => {
    const path = points
      .flatMap((value, n) =>
        Number.isFinite(value) ? [`${x(lines[n].samples).toFixed(1)} ${y(value).toFixed(1)}`] : [],
      )
      .join('L')
    return `<path d="M${path}" fill="none" stroke="${colour}" stroke-width="1.6"/>${text([size.width - size.right + 14, size.top + 14 + 20 * i], name, `fill="${colour}"`)}`
  })
  .join('\n')}
</svg>
`
await writeFile(to, svg)
