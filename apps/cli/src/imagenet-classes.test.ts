import { expect, test } from 'vitest'
import { parseClasses } from './class-list.ts'
import { UsageError } from './errors.ts'
import { imageNetClasses } from './imagenet-classes.ts'

const classes = imageNetClasses()

test('a thousand classes, each with a name of its own', () => {
  expect(classes.count).toBe(1000)
  expect(new Set(classes.names.map((name) => name.toLowerCase())).size).toBe(1000)
  expect([0, 88, 207, 999].map((label) => classes.names[label])).toEqual([
    'tench',
    'macaw',
    'golden retriever',
    'toilet tissue',
  ])
  expect([134, 264, 474, 639].map((label) => classes.names[label])).toEqual([
    'crane (134)',
    'Cardigan Welsh corgi',
    'cardigan (474)',
    'tank suit',
  ])
})

test('by name in any case, by another of its words, by number, by the name that is printed', () => {
  expect(parseClasses('Golden Retriever,goldfish,Carassius auratus,207', classes)).toEqual([207, 1, 1, 207])
  for (const [label, name] of classes.names.entries()) expect(parseClasses(name, classes)).toEqual([label])
})

test('a word that two classes have is the one that is called so first, else it is asked which', () => {
  expect(parseClasses('harp', classes)).toEqual([594])
  expect(() => parseClasses('crane', classes)).toThrow(UsageError)
  expect(() => parseClasses('crane', classes)).toThrow('"crane" is the name of several classes.')
  try {
    parseClasses('panda', classes)
  } catch (error) {
    expect((error as UsageError).advice).toMatch(
      /^Choose one by its number: 387 \(lesser panda, .*; 388 \(giant panda, /,
    )
  }
  expect(() => parseClasses('unicorn', classes)).toThrow('There is no class "unicorn".')
})
