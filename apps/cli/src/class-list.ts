import { UsageError } from './errors.ts'

/**
 * The labels that `--classes` names: `all`, or names and numbers with commas between them.
 *
 * @throws UsageError naming the first that there is not.
 */
export function parseClasses(text: string, classes: readonly string[]): number[] {
  if (text === 'all') return classes.map((_, label) => label)
  return text.split(',').map((part) => {
    const name = part.trim()
    const label = classes.indexOf(name.toLowerCase())
    if (label >= 0) return label
    if (/^\d+$/.test(name) && Number(name) < classes.length) return Number(name)
    throw new UsageError(`There is no class "${name}".`, `Choose among: ${classes.join(', ')}, or all.`)
  })
}

/** A label for each of `count` images, spread evenly: those of a class stand together. */
export function spread(labels: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, i) => labels[Math.floor((i * labels.length) / count)] as number)
}
