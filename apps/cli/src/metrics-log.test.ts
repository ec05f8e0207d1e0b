import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../testing/program.ts'
import { appendMetrics, rewindMetrics } from './metrics-log.ts'

const path = join(await temporaryFolder(), 'metrics.jsonl')
const lines = ['{"step":1,"note":"é"}', '{"step":2}', '{"step":4}'].map((line) => `${line}\n`)

test.each([
  ['keeps what was logged up to the saved step', lines.join(''), 2, 2],
  ['keeps all where nothing came after', lines.join(''), 9, 3],
  ['cuts all where nothing was saved', lines.join(''), 0, 0],
  ['cuts a line that was not finished', `${lines[0]}${lines[1]}{"step":3`, 9, 2],
  ['cuts a finished line without its end, which might be longer', `${lines[0]}{"step":2}`, 9, 1],
  ['cuts from what is not JSON', `${lines[0]}\0\0\0\n${lines[1]}`, 9, 1],
])('%s', async (_, content, step, kept) => {
  await writeFile(path, content)
  await rewindMetrics(path, step)
  expect(await readFile(path, 'utf8')).toBe(lines.slice(0, kept).join(''))
})

test('a log that is not there yet needs no rewinding, and begins with its first line', async () => {
  const fresh = `${path}.new`
  await rewindMetrics(fresh, 3)
  await appendMetrics(fresh, { step: 1, loss: 0.5 })
  await appendMetrics(fresh, { step: 2, loss: 0.25 })
  expect(await readFile(fresh, 'utf8')).toBe('{"step":1,"loss":0.5}\n{"step":2,"loss":0.25}\n')
})
