import { type SamplingOptions, sample } from '@guided-diffusion/diffusion'
import { type Pictures, toBytes } from './pixels.ts'
import { progress } from './progress.ts'

/**
 * Samples in batches with a line of progress, and returns all images as bytes.
 *
 * @param run everything but the samples; @param labels the class of each sample, or none at all.
 */
export async function sampleBatches(
  run: Omit<SamplingOptions, 'labels' | 'samples' | 'count'>,
  { count, labels, batch }: { count: number; labels: readonly number[]; batch: number },
): Promise<Pictures> {
  const { shape } = run
  const size = shape[0] * shape[1] * shape[2]
  const data = new Uint8Array(count * size)
  const batches = Math.ceil(count / batch)
  const line = progress('sampling', batches * run.diffusion.schedule.steps)
  let done = 0
  try {
    for (let start = 0; start < count; start += batch) {
      const end = Math.min(start + batch, count)
      const samples = Array.from({ length: end - start }, (_, i) => start + i)
      const classes = labels.length > 0 ? { labels: labels.slice(start, end) } : {}
      for await (const step of sample({ ...run, ...classes, samples })) {
        line.update(++done)
        if (step.index < step.total - 1) continue
        data.set(toBytes(await step.x.data<'float32'>()), start * size)
      }
    }
  } finally {
    line.end()
  }
  return { data, shape: [count, ...shape] }
}
