import { UsageError } from './errors.ts'

/** The classes that a network knows: their number, and names where there are some. */
export interface Classes {
  readonly count: number
  readonly names: readonly string[]
  /** The label of another name that a class has. */
  readonly find?: (name: string) => number | undefined
}

/**
 * The labels that `--classes` names: `all`, or names and numbers with commas between them.
 *
 * @throws UsageError naming the first that there is not.
 */
export function parseClasses(text: string, classes: Classes): number[] {
  if (text === 'all') return Array.from({ length: classes.count }, (_, label) => label)
  return text.split(',').map((part) => parseClass(part.trim(), classes))
}

function parseClass(name: string, { count, names, find }: Classes): number {
  const label = names.findIndex((each) => each.toLowerCase() === name.toLowerCase())
  if (label >= 0) return label
  const other = find?.(name)
  if (other !== undefined) return other
  if (/^\d+$/.test(name) && Number(name) < count) return Number(name)
  const numbers = `the numbers 0 to ${count - 1}`
  throw new UsageError(
    `There is no class "${name}".`,
    `Choose among ${names.length > 0 && names.length <= 40 ? names.join(', ') : numbers}, or all.`,
  )
}

/** A label for each of `count` images, spread evenly: those of a class stand together. */
export function spread(labels: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, i) => labels[Math.floor((i * labels.length) / count)] as number)
}
