/** The vectors of the repository, for tests. */
import { readFileSync } from 'node:fs'
import { type GoldenCase, readGolden } from './vector.ts'

export { type GoldenCase, type GoldenTensor, goldenError, goldenWeights } from './vector.ts'

const folder = new URL('./vectors/', import.meta.url)

/** The stored case of this name. */
export function golden(name: string): GoldenCase {
  return readGolden(name, readFileSync(new URL(`${name}.safetensors`, folder)))
}
