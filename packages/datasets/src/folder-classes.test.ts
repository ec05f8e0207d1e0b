import { expect, test } from 'vitest'
import { labelFiles } from './folder-classes.ts'

test('classes are the first folders, in alphabetical order', () => {
  const files = ['dog/1.png', 'cat/young/2.png', 'dog/3.png']
  expect(labelFiles('pets', files)).toEqual({ classes: ['cat', 'dog'], labels: Int32Array.of(1, 0, 1) })
})

test('without folders they are what comes before the first underscore of a name', () => {
  const files = ['dog_1.png', 'cat_big_2.png', 'dog_3.png']
  expect(labelFiles('pets', files)).toEqual({ classes: ['cat', 'dog'], labels: Int32Array.of(1, 0, 1) })
})

test('folders go before prefixes, unless prefixes are asked for, and then folders do not matter', () => {
  const files = ['a/dog_1.png', 'b/dog_2.png', 'b/cat_3.png']
  expect(labelFiles('pets', files).classes).toEqual(['a', 'b'])
  expect(labelFiles('pets', files, 'prefixes')).toEqual({
    classes: ['cat', 'dog'],
    labels: Int32Array.of(1, 1, 0),
  })
})

test('names without folder and prefix give no classes, nor do others when none are wanted', () => {
  expect(labelFiles('pets', ['1.png', '_2.png'])).toEqual({ classes: [] })
  expect(labelFiles('pets', ['dog/1.png'], 'none')).toEqual({ classes: [] })
})

test('classes that only some images have must be asked for', () => {
  expect(() => labelFiles('pets', ['dog/1.png', 'cat_2.png'])).toThrowErrorMatchingInlineSnapshot(
    `[FolderLayoutError: pets: only some of its images have a class (cat_2.png is in no folder, dog/1.png has no prefix).]`,
  )
  expect(() => labelFiles('pets', ['dog/1.png', '2.png'])).toThrow(
    expect.objectContaining({ name: 'FolderLayoutError', folder: 'pets' }),
  )
})

test('an image without the class that was asked for is named', () => {
  expect(() => labelFiles('pets', ['dog/1.png', '2.png'], 'folders')).toThrowErrorMatchingInlineSnapshot(
    `[FolderLayoutError: pets: 2.png has no class by folders.]`,
  )
  expect(() => labelFiles('pets', ['dog_1.png', '2.png'], 'prefixes')).toThrowErrorMatchingInlineSnapshot(
    `[FolderLayoutError: pets: 2.png has no class by prefixes.]`,
  )
})
