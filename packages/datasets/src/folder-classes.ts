import { FolderLayoutError } from './errors.ts'

/** Where the class of an image is written: in its folder's name, before the first `_` of its own, or nowhere. */
export type FolderClasses = 'folders' | 'prefixes' | 'none'

/**
 * Classes and labels of files by their paths, which are relative to `folder`. Classes are in alphabetical order.
 *
 * @throws {FolderLayoutError} when a file has no class in the way that was asked for.
 */
export function labelFiles(
  folder: string,
  files: readonly string[],
  way: FolderClasses = usualWay(folder, files),
): { readonly classes: readonly string[]; readonly labels?: Int32Array } {
  if (way === 'none') return { classes: [] }
  const names = files.map(way === 'folders' ? folderName : prefix)
  const without = names.indexOf(undefined)
  if (without >= 0) {
    throw new FolderLayoutError({
      folder,
      problem: `${files[without]} has no class by ${way}`,
      advice:
        way === 'folders'
          ? 'Put every image into a folder that is named after its class.'
          : 'Name images as in cat_001.png: the class, then an underscore.',
    })
  }
  const classes = [...new Set(names as string[])].sort()
  const labelOf = new Map(classes.map((name, label) => [name, label]))
  return { classes, labels: Int32Array.from(names, (name) => labelOf.get(name as string) as number) }
}

/** The one way in which every file has a class, or 'none' if no file has one in any way. */
function usualWay(folder: string, files: readonly string[]): FolderClasses {
  const outside = files.filter((file) => folderName(file) === undefined)
  const unprefixed = files.filter((file) => prefix(file) === undefined)
  if (outside.length === 0) return 'folders'
  if (unprefixed.length === 0) return 'prefixes'
  if (outside.length === files.length && unprefixed.length === files.length) return 'none'
  throw new FolderLayoutError({
    folder,
    problem: `only some of its images have a class (${outside[0]} is in no folder, ${unprefixed[0]} has no prefix)`,
    advice: "Say where classes come from: classes 'folders', 'prefixes' or 'none'.",
  })
}

/** `cat` of `cat/young/001.png`. */
function folderName(file: string): string | undefined {
  const slash = file.indexOf('/')
  return slash > 0 ? file.slice(0, slash) : undefined
}

/** `cat` of `cat_001.png`, wherever it lies. */
function prefix(file: string): string | undefined {
  const name = file.slice(file.lastIndexOf('/') + 1)
  const underscore = name.indexOf('_')
  return underscore > 0 ? name.slice(0, underscore) : undefined
}
