import { openAsBlob } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DiffusionDescription } from '@guided-diffusion/diffusion'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { torchFile, writeDenoiser } from '../../testing/networks.ts'
import type { FileFacts } from '../plan.ts'
import { readModelFile } from './model-file.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-weights-'))
})
afterAll(() => rm(folder, { recursive: true }))

const fitting: DiffusionDescription = {
  schedule: 'cosine',
  steps: 1000,
  prediction: 'epsilon',
  variance: 'fixed-small',
}

/** What is read of a file that says this of itself. */
async function read(diffusion: unknown, size = 8) {
  const path = join(folder, 'small.safetensors')
  const config = { size, inChannels: 1, channels: 32, multipliers: [1], blocks: 1, outChannels: 1 }
  await writeDenoiser(path, config, diffusion as DiffusionDescription)
  return readModelFile('small.safetensors', await openAsBlob(path), { signal: AbortSignal.timeout(1e6) })
}

const refusal = (file: Promise<unknown>) =>
  file.then(
    () => 'taken',
    (error: Error & { advice: string }) => `${error.name}: ${error.message} ${error.advice}`,
  )

test('a process that is described is taken as it is, up to 10000 steps of images of 1024 pixels', async () => {
  const { diffusion, network } = await read({ ...fitting, steps: 10_000, more: 'of no use' }, 1024)
  expect(diffusion).toEqual({ ...fitting, steps: 10_000 })
  expect(network.config.size).toBe(1024)
})

test('sizes that the page could not bear are refused', async () => {
  expect(await refusal(read(fitting, 9984))).toMatchInlineSnapshot(
    `"ModelFileError: small.safetensors tells of images of size 9984, expected a whole number from 1 to 1024. Sample with it in Node, or correct what is said of it."`,
  )
  for (const steps of [10_001, 1e9, 0, -5, 12.5, '1000', null, undefined])
    expect(await refusal(read({ ...fitting, steps }))).toMatch(
      /^ModelFileError: small\.safetensors tells of a number of diffusion steps of .+, expected a whole number from 1 to 10000\./,
    )
})

test('metadata that describe no process are refused', async () => {
  for (const text of [3, null, [], 'linear'])
    expect(await refusal(read(text))).toMatch(/^ModelFileError: .+"diffusion" that are no object in JSON/)
  expect(await refusal(read({ ...fitting, schedule: 'toString' }))).toMatchInlineSnapshot(
    `"ModelFileError: small.safetensors has metadata "diffusion" that no process has: schedule is "toString", expected 'linear' or 'cosine'. Write what the network was trained for, as \`guided-diffusion train\` does."`,
  )
  expect(await refusal(read({ ...fitting, prediction: 7 }))).toMatch(/^ModelFileError: .+prediction is 7/)
  expect(await refusal(read({ ...fitting, variance: undefined }))).toMatch(/^ModelFileError: .+variance is/)
  // their β would be larger than 1
  expect(await refusal(read({ ...fitting, schedule: 'linear', steps: 5 }))).toMatch(/^ModelFileError: /)
})

test('a size that a link gives is refused like one of the file', async () => {
  const facts: FileFacts = { size: 9984, heads: { count: 1 }, attentionOrder: 'legacy', schedule: 'cosine' }
  const file = await openAsBlob(torchFile)
  expect(await refusal(readModelFile('mine.pt', file, { signal: AbortSignal.timeout(1e6), facts }))).toMatch(
    /^ModelFileError: mine\.pt tells of images of size 9984, expected a whole number from 1 to 1024\./,
  )
})
