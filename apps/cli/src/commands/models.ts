import { existsSync } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { openWeights } from '@guided-diffusion/checkpoints'
import {
  compareShapes,
  networkSpecs,
  type PublishedName,
  publishedModels,
  WeightsMismatchError,
} from '@guided-diffusion/models'
import { Command } from 'commander'
import { download } from '../download.ts'
import { UsageError, WeightFileError } from '../errors.ts'
import { withLock } from '../file-lock.ts'
import { interruptSignal } from '../interrupt.ts'
import { cachedFile, cacheFolder, cacheOption, isPublishedName } from '../model-cache.ts'
import { duration, type Progress, progress } from '../progress.ts'

const names = Object.keys(publishedModels) as PublishedName[]

export const models = new Command('models')
  .description('the checkpoints that OpenAI published: what there is, and get them')
  .addCommand(listCommand())
  .addCommand(pullCommand())

function listCommand(): Command {
  return new Command('list')
    .description('every published checkpoint, how its authors sample it, and whether it is here')
    .addOption(cacheOption())
    .option('--json', 'print JSON', false)
    .addHelpText(
      'after',
      `
Examples:
  guided-diffusion models list
  guided-diffusion models list --json --cache models/`,
    )
    .action(async ({ cache, json }: { cache?: string; json: boolean }) => {
      const rows = await Promise.all(names.map((name) => row(name, cache)))
      if (json) return console.log(JSON.stringify(rows, null, 2))
      const cells = rows.map((each) => [
        each.name,
        kinds[each.kind],
        `${each.size} × ${each.size}`,
        `${(each.parameters / 1e6).toFixed(0)} million`,
        sampledBy(each),
        each.here ? 'here' : '',
      ])
      console.log(table([['name', 'network', 'images', 'parameters', 'sampled by', ''], ...cells]))
      console.log(`\nPulled models lie in ${cacheFolder(cache)}.`)
    })
}

const kinds = { unet: 'denoiser', 'super-resolution': 'upsampler', classifier: 'classifier' } as const

async function row(name: PublishedName, cache: string | undefined) {
  const { kind, config, url, diffusion, sampling } = publishedModels[name]
  const parameters = networkSpecs(publishedModels[name]).reduce(
    (sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1),
    0,
  )
  const path = cachedFile(name, cache)
  const here = existsSync(path) ? { path, bytes: (await stat(path)).size } : undefined
  return { name, kind, size: config.size, parameters, url, diffusion, sampling, here }
}

type Row = Awaited<ReturnType<typeof row>>

function sampledBy({ sampling, kind }: Row): string {
  if (!sampling) return kind === 'classifier' ? 'guides' : ''
  const { respacing, guidance } = sampling
  return `${respacing} steps${guidance ? `, ${guidance.classifier}, γ = ${guidance.scale}` : ''}`
}

/** Columns as wide as they have to be. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((cells) => cells[i]?.length ?? 0)))
  return rows
    .map((cells) =>
      cells
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

interface PullOptions {
  readonly cache?: string
  readonly mirror?: string
  readonly sha256?: string
  readonly again: boolean
}

function pullCommand(): Command {
  return new Command('pull')
    .description('download published checkpoints; goes on with what was broken off')
    .argument('<names...>', 'names of models list')
    .addOption(cacheOption())
    .option('--mirror <address>', 'folder on another server that has the files NAME.pt')
    .option('--sha256 <digest>', 'what the SHA-256 of the file has to be; for one name')
    .option('--again', 'download a file that is here already', false)
    .addHelpText(
      'after',
      `
Examples:
  guided-diffusion models pull 64x64_diffusion 64x64_classifier
  guided-diffusion models pull 256x256_diffusion_uncond --cache models/
  guided-diffusion models pull 64_256_upsampler --mirror https://example.org/diffusion`,
    )
    .action(async (wanted: string[], options: PullOptions) => {
      const chosen = wanted.map(publishedName)
      if (options.sha256 !== undefined && chosen.length > 1)
        throw new UsageError('--sha256 is the digest of one file.', 'Pull one name at a time with it.')
      const signal = interruptSignal('what has arrived is kept')
      for (const name of chosen) console.log(await pull(name, options, signal))
    })
}

function publishedName(text: string): PublishedName {
  const name = text.replace(/\.pt$/, '')
  if (isPublishedName(name)) return name
  throw new UsageError(`There is no published checkpoint "${text}".`, `Choose among ${names.join(', ')}.`)
}

/** Downloads one checkpoint, if it is not here, and returns its path. */
async function pull(name: PublishedName, options: PullOptions, signal: AbortSignal): Promise<string> {
  const target = cachedFile(name, options.cache)
  await mkdir(dirname(target), { recursive: true })
  const url = addressOf(name, options.mirror)
  await withLock(
    `${target}.lock`,
    async () => {
      if (existsSync(target) && !options.again) return void process.stderr.write(`${name} is here already\n`)
      const line = byteProgress(name)
      const began = performance.now()
      try {
        const { bytes, sha256 } = await download(url, target, {
          sha256: options.sha256,
          signal,
          check: (path) => requireModel(name, path),
          onProgress: (loaded, total) => line.update(loaded, total),
          onRetry: (reason) => process.stderr.write(`${reason}; trying again\n`),
        })
        line.end()
        const seconds = duration((performance.now() - began) / 1000)
        process.stderr.write(`${name}: ${bytes} bytes in ${seconds}, SHA-256 ${sha256}\n`)
      } finally {
        line.end()
      }
    },
    { signal, onWait: () => process.stderr.write(`another program pulls ${name}; waiting for it\n`) },
  )
  return target
}

/** Progress in megabytes; the total is known once the server has told it. */
function byteProgress(label: string): {
  update(loaded: number, total: number | undefined): void
  end(): void
} {
  const mega = (bytes: number) => Math.ceil(bytes / 1e6)
  let line: Progress | undefined
  return {
    update(loaded, total = Number.NaN) {
      line ??= progress(label, mega(total), { unit: 'megabyte', from: mega(loaded) })
      line.update(mega(loaded))
    },
    end() {
      line?.end()
      line = undefined
    },
  }
}

function addressOf(name: PublishedName, mirror: string | undefined): string {
  const { url } = publishedModels[name]
  if (mirror === undefined) return url
  if (!/^https?:/.test(mirror) || !URL.canParse(mirror))
    throw new UsageError(
      `${mirror} is not the address of a web server.`,
      'Give --mirror https://host/folder.',
    )
  return `${mirror.replace(/\/+$/, '')}/${basename(new URL(url).pathname)}`
}

/** @throws WeightFileError unless the file has exactly the tensors of the model. */
async function requireModel(name: PublishedName, path: string): Promise<void> {
  const reader = await openWeights(path)
  const shapes = new Map([...reader.tensors].map(([tensor, { shape }]) => [tensor, shape]))
  await reader.close()
  const mismatches = compareShapes(networkSpecs(publishedModels[name]), shapes)
  if (mismatches.length === 0) return
  throw new WeightFileError({
    file: `What was downloaded`,
    problem: `is not ${name}: ${new WeightsMismatchError({ mismatches }).message.replace(/\.$/, '')}`,
    advice: 'Check the address of the mirror.',
  })
}
