import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../testing/program.ts'
import { outputKind, writePictures } from './output.ts'
import { requireWritable, writeBeside } from './write-beside.ts'

const folder = await temporaryFolder()

test.each([
  ['a.png', 'png'],
  ['b/c.PNG', 'png'],
  ['a.npz', 'npz'],
  ['samples', 'folder'],
  ['samples/', 'folder'],
  ['v1.2/', 'folder'],
])('%s is a %s', (path, kind) => {
  expect(outputKind(path)).toBe(kind)
})

test('another ending is refused', () => {
  expect(() => outputKind('a.gif')).toThrow('a.gif is neither a PNG, an npz nor a folder.')
})

test('names of classes become names of files', async () => {
  const path = join(folder, 'named')
  const pictures = { data: new Uint8Array(11), shape: [11, 1, 1, 1] } as const
  const names = ['Äpfel & Birnen/rot', 'n01440764']
  const labels = [0, ...Array.from({ length: 10 }, () => 1)]
  await writePictures(path, pictures, { labels, classes: { count: 2, names } })
  expect((await readdir(path)).slice(0, 2)).toEqual(['00-Äpfel-Birnen-rot.png', '01-n01440764.png'])
  expect(await readdir(path)).toHaveLength(11)
})

test('a file is written whole, or what was there stays and nothing else is left', async () => {
  const path = join(folder, 'deep/er/file.txt')
  await writeBeside(path, 'one')
  await writeBeside(path, 'two')
  expect(await readFile(path, 'utf8')).toBe('two')
  await mkdir(join(folder, 'taken/inside'), { recursive: true })
  await expect(writeBeside(join(folder, 'taken'), 'three')).rejects.toMatchObject({ name: 'OutputError' })
  expect((await readdir(folder)).filter((name) => name.startsWith('taken'))).toEqual(['taken'])
})

test('a place is checked without touching it', async () => {
  await writeFile(join(folder, 'file'), '')
  const problem = (path: string, kind: 'file' | 'folder') =>
    requireWritable(join(folder, path), kind).then(
      () => undefined,
      (error: { message: string }) => error.message.replaceAll(folder, 'F'),
    )
  expect(await problem('new/er/est', 'file')).toBeUndefined()
  expect(await problem('file', 'file')).toBeUndefined()
  expect(await problem('.', 'folder')).toBeUndefined()
  expect(await problem('file', 'folder')).toBe('F/file cannot be written: it is a file.')
  expect(await problem('.', 'file')).toBe('F cannot be written: it is a folder.')
  expect(await problem('file/below/it', 'folder')).toBe(
    'F/file/below/it cannot be written: F/file is not a folder.',
  )
  expect(await readdir(folder)).not.toContain('new')
})
