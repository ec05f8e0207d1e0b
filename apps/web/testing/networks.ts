/** Networks of random weights, and what Node samples with them: what the page must show. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { startBackend } from '@guided-diffusion/backends'
import { wasm } from '@guided-diffusion/backends/wasm'
import { type DiffusionDescription, describedDiffusion, generate } from '@guided-diffusion/diffusion'
import { loadUNet, networkSpecs, saveNetwork, type UNetConfig } from '@guided-diffusion/models'
import { streamOf, uniform } from '@guided-diffusion/random'
import { toBytes } from '../src/pixels.ts'

/** What PyTorch saved of a small UNet: tensors alone. */
export const torchFile = createRequire(import.meta.url).resolve(
  '@guided-diffusion/tooling/golden/vectors/checkpoint-zip.pt',
)

/** Writes a denoiser that nobody trained: uniform weights whose variance keeps activations at their size. */
export async function writeDenoiser(
  path: string,
  config: UNetConfig,
  diffusion: DiffusionDescription,
  classNames?: readonly string[],
): Promise<void> {
  const description = { kind: 'unet', config } as const
  const tensors = new Map(
    networkSpecs(description).map(({ name, shape, initial, fanIn }) => {
      const size = shape.reduce((product, length) => product * length, 1)
      const bound = shape.length === 1 ? 0.1 : Math.sqrt(3 / fanIn)
      const data =
        initial === 'ones'
          ? new Float32Array(size).fill(1)
          : repeated(uniform({ seed: 1, stream: streamOf(name) }, Math.min(size, 2 ** 16)), size).map(
              (u) => (2 * u - 1) * bound,
            )
      return [name, { shape, data }]
    }),
  )
  const metadata = {
    diffusion: JSON.stringify(diffusion),
    ...(classNames ? { classes: JSON.stringify(classNames) } : {}),
  }
  await saveNetwork(path, { description, tensors }, { metadata })
}

/** Writes a denoiser of random weights as `torch.save` would: tensors alone. */
export async function writeTorchDenoiser(path: string, config: UNetConfig): Promise<void> {
  const specs = networkSpecs({ kind: 'unet', config })
  const list = `${path}.json`
  await writeFile(list, JSON.stringify(Object.fromEntries(specs.map(({ name, shape }) => [name, shape]))))
  const script = createRequire(import.meta.url).resolve('@guided-diffusion/tooling/published/write.mjs')
  await promisify(execFile)(process.execPath, [script, list, path])
}

/** Values over and over: large networks are made in no time. */
function repeated(values: Float64Array, size: number): Float32Array {
  const all = new Float32Array(size)
  for (let start = 0; start < size; start += values.length)
    all.set(values.subarray(0, Math.min(values.length, size - start)), start)
  return all
}

/** One noise of seed 7, sampled in Node without guidance: bytes as the page has them. */
export async function sampledAlone(
  path: string,
  options: {
    readonly config?: UNetConfig
    readonly diffusion: DiffusionDescription
    readonly steps: number
    readonly shape: readonly [number, number, number]
  },
): Promise<Uint8Array> {
  await startBackend([wasm()])
  const unet = await loadUNet(path, options.config ? { config: options.config } : {})
  const images = await generate({
    diffusion: describedDiffusion(options.diffusion, `ddim${options.steps}`),
    denoiser: unet,
    shape: options.shape,
    samples: [0],
    seed: 7,
  })
  const bytes = toBytes(await images.data<'float32'>())
  images.dispose()
  unet.dispose()
  return bytes
}

/** The same of the small UNet of PyTorch's, once it is said how it was trained. */
export const sampledTorchFile = (steps: number): Promise<Uint8Array> =>
  sampledAlone(torchFile, {
    config: { size: 16, channels: 32, multipliers: [1], blocks: 1, outChannels: 3, conditioning: 'add' },
    diffusion: { schedule: 'cosine', steps: 1000, prediction: 'epsilon', variance: 'fixed-large' },
    steps,
    shape: [16, 16, 3],
  })

/** Farthest that two pictures are from each other, of 255. */
export const farthest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0)
