import { expect, test } from 'vitest'
import { repeatedKeys } from './json-keys.ts'

const repeated = (text: string) => repeatedKeys(text, 3).repeated

test('names that occur twice in one object are found, equal names in different objects are not', () => {
  expect(repeated('{"a":1,"b":{"a":2},"c":{"a":3}}')).toEqual([])
  expect(repeated('{"a":1,"b":2,"a":3,"c":{"d":1,"d":2}}')).toEqual(['a', 'd'])
})

test('escapes are undone: two spellings of a name are one name', () => {
  expect(repeated(String.raw`{"a":1,"\u0061":2}`)).toEqual(['a'])
  expect(repeated(String.raw`{"\"":1,"\\":2,"\\\"":3}`)).toEqual([])
})

test('values that look like names are not names', () => {
  expect(repeated('{"a":"b","c":"b","d":["b","b"]}')).toEqual([])
  expect(repeated('{"a":"x:y","b":"{\\"a\\":1}"}')).toEqual([])
})

test('nesting is counted in objects and lists, and only up to the limit', () => {
  expect(repeatedKeys('[[[]]]', 3).tooDeep).toBe(false)
  expect(repeatedKeys('[[[{', 3).tooDeep).toBe(true)
  expect(repeatedKeys('"[[[["', 3).tooDeep).toBe(false)
})

test('text that is not JSON takes time in proportion to its length', () => {
  const began = performance.now()
  repeatedKeys(`"${'\\"'.repeat(1_000_000)}`, 3)
  repeatedKeys(`{"${'a'.repeat(5_000_000)}`, 3)
  repeatedKeys('"'.repeat(1_000_001), 3)
  expect(performance.now() - began).toBeLessThan(5000)
})
