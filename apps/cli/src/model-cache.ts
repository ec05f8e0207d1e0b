import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type PublishedName, publishedModels } from '@guided-diffusion/models'
import { Option } from 'commander'
import { UsageError } from './errors.ts'

/** Where pulled models lie: `--cache`, or `guided-diffusion/models` in the user's cache folder. */
export function cacheFolder(option?: string): string {
  if (option !== undefined) return option
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  const base = XDG_CACHE_HOME || (process.platform === 'win32' && LOCALAPPDATA) || join(homedir(), '.cache')
  return join(base, 'guided-diffusion', 'models')
}

/** `--cache DIR`. */
export const cacheOption = () =>
  new Option(
    '--cache <folder>',
    'where pulled models lie (default: guided-diffusion/models in the cache folder)',
  )

export function cachedFile(name: PublishedName, cache?: string): string {
  return join(cacheFolder(cache), `${name}.pt`)
}

export function isPublishedName(text: string): text is PublishedName {
  return Object.hasOwn(publishedModels, text)
}

/**
 * The file of a model that is given by the name of a published checkpoint, by a path or by an address.
 *
 * @throws UsageError for a published one that is not in the cache.
 */
export function modelFile(text: string, cache?: string): string {
  if (!isPublishedName(text)) return text
  const path = cachedFile(text, cache)
  if (existsSync(path)) return path
  throw new UsageError(
    `${text} is a published checkpoint that is not in ${cacheFolder(cache)}.`,
    `Get it by: guided-diffusion models pull ${text}`,
  )
}
