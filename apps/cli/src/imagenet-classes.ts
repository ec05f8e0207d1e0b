import { readFileSync } from 'node:fs'
import type { Classes } from './class-list.ts'
import { UsageError } from './errors.ts'

/**
 * The 1000 classes of ILSVRC 2012 in the order of their synsets, which is that of the published networks' labels.
 * `assets/imagenet-classes.txt` has a line for each, its words in WordNet with commas between, as in
 * `@tensorflow-models/mobilenet` 2.1.1 (Apache-2.0).
 */
export function imageNetClasses(): Classes {
  const lines = readFileSync(new URL('../assets/imagenet-classes.txt', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
  const words = lines.map((line) => line.split(', '))
  const labels = new Map<string, number[]>()
  for (const [label, each] of words.entries())
    for (const word of new Set(each.map((word) => word.toLowerCase())))
      labels.set(word, [...(labels.get(word) ?? []), label])
  const names = shortNames(words)
  const find = (text: string): number | undefined => {
    const word = text.toLowerCase()
    const found = labels.get(word)
    if (found?.length === 1) return found[0]
    // a class that is called so first of all goes before those that are called so too
    const first = found?.filter((label) => words[label]?.[0]?.toLowerCase() === word) ?? []
    if (first.length === 1) return first[0]
    if (!found) return undefined
    throw new UsageError(
      `"${text}" is the name of several classes.`,
      `Choose one by its number: ${found.map((label) => `${label} (${words[label]?.join(', ')})`).join('; ')}.`,
    )
  }
  return { count: names.length, names, find }
}

/** One name for each class: its first word, or the next that is its own, or the word with the class's number. */
function shortNames(words: readonly (readonly string[])[]): string[] {
  const firsts = new Map<string, number>()
  for (const [first = ''] of words)
    firsts.set(first.toLowerCase(), (firsts.get(first.toLowerCase()) ?? 0) + 1)
  return words.map((each, label) => {
    const own = each.find((word) => (firsts.get(word.toLowerCase()) ?? 0) < (word === each[0] ? 2 : 1))
    return own ?? `${each[0]} (${label})`
  })
}
