import { DatasetRangeError } from './errors.ts'

/**
 * Images of one size that can be read by number, in any order. Anything of this shape can be batched; the readers
 * of this package only make such objects.
 */
export interface Dataset {
  /** Number of images. */
  readonly length: number
  /** Height, width and channels of every image. */
  readonly shape: readonly [height: number, width: number, channels: number]
  /** Names of the labels 0, 1, …; empty when the images carry no labels. */
  readonly classes: readonly string[]
  /** The images with these numbers, in this order; a number may come more than once. The result is the caller's. */
  read(
    indices: ArrayLike<number>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Samples | Promise<Samples>
}

/** Images one after the other, and their labels. */
export interface Samples {
  /** `[B, H, W, C]`, row by row, in [−1, 1]. */
  readonly images: Float32Array
  /** `[B]`; missing when the data set has no labels. */
  readonly labels?: Int32Array
}

/** @throws {DatasetRangeError} unless all are numbers of images. */
export function requireIndices(indices: ArrayLike<number>, length: number): void {
  for (let i = 0; i < indices.length; i++) {
    const value = indices[i]
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < length) continue
    throw new DatasetRangeError({
      parameter: `indices[${i}]`,
      value,
      expected: `an integer in [0, ${length})`,
      advice: 'Images count from 0.',
    })
  }
}
