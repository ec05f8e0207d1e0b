import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/program.ts'
import { writeIdx, writePngs } from '../testing/tiny-images.ts'
import { type DataSetOptions, openDataSet } from './data-set.ts'

const folder = await temporaryFolder()
const open = ({ data, ...options }: DataSetOptions) => openDataSet({ data: join(folder, data), ...options })

beforeAll(async () => {
  await writeIdx(join(folder, 'idx'))
  await writeIdx(join(folder, 'unlabelled'), { labels: false })
  await writePngs(join(folder, 'pngs'))
  await mkdir(join(folder, 'broken'))
  await writeFile(join(folder, 'broken/train-images-idx3-ubyte'), 'not images')
  const oblong = Buffer.alloc(16 + 6)
  for (const [i, value] of [0x803, 1, 2, 3].entries()) oblong.writeUInt32BE(value, 4 * i)
  await mkdir(join(folder, 'oblong'))
  await writeFile(join(folder, 'oblong/train-images-idx3-ubyte'), oblong)
})

test('files of MNIST’s form, with names for the labels or without labels', async () => {
  const named = await open({ data: 'idx', classNames: ['a', 'b', 'c'] })
  expect([named.length, named.shape, named.classes]).toEqual([24, [4, 4, 1], ['a', 'b', 'c']])
  expect((await open({ data: 'idx' })).classes).toEqual(['0', '1', '2'])
  expect((await open({ data: 'unlabelled' })).classes).toEqual([])
})

test('a folder of pictures at the size that is asked for', async () => {
  const { length, shape, classes } = await open({ data: 'pngs', size: 4 })
  expect([length, shape, classes]).toEqual([6, [4, 4, 3], ['Left', 'Right']])
})

test.each([
  [{ data: 'nowhere' }, 'There is no folder F/nowhere.'],
  [{ data: 'pngs' }, 'F/pngs is a folder of images, which have no common size.'],
  [
    { data: 'pngs', size: 4, classNames: ['a', 'b'] },
    'The classes in F/pngs are called after its folders or files.',
  ],
  [{ data: 'idx', size: 8 }, 'The images in F/idx/train-images-idx3-ubyte are 4 pixels wide, not 8.'],
  [
    { data: 'idx', classNames: ['a', 'b'] },
    'labels[2] is 2, expected an integer in [0, 2), the number of a class.',
  ],
  [
    { data: 'unlabelled', classNames: ['a', 'b'] },
    'There is no train-labels-idx1-ubyte in F/unlabelled to name.',
  ],
  [{ data: 'oblong' }, 'The images in F/oblong/train-images-idx3-ubyte are 2 × 3.'],
])('%j is refused', async (options, message) => {
  const error = await open(options).catch((problem: { message: string; advice: string }) => problem)
  expect(error).toMatchObject({ message: expect.any(String), advice: expect.stringMatching(/\w/) })
  expect((error as { message: string }).message.replaceAll(folder, 'F')).toBe(message)
})

test('a damaged file is named', async () => {
  await expect(open({ data: 'broken' })).rejects.toMatchObject({
    name: 'DatasetFormatError',
    file: join(folder, 'broken/train-images-idx3-ubyte'),
  })
})
