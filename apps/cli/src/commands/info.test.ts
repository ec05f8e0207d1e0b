import { open, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { networkSpecs, type PublishedName, publishedModels } from '@guided-diffusion/models'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import { describe, expect, test } from 'vitest'
import { failure, program, temporaryFolder } from '../../testing/program.ts'

const cwd = await temporaryFolder()
const vectors = dirname(
  createRequire(import.meta.url).resolve('@guided-diffusion/tooling/golden/vectors/checkpoint-zip.pt'),
)

async function info(path: string, ...options: string[]): Promise<string> {
  const outcome = await program(['info', path, ...options], { cwd })
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  return outcome.stdout
}

/** A file with every tensor of a published checkpoint as float16 zeros, which take no room on the disk. */
async function writePublished(name: PublishedName, file: string): Promise<void> {
  let end = 0
  const header = Object.fromEntries(
    networkSpecs(publishedModels[name]).map((spec) => {
      const start = end
      end += 2 * spec.shape.reduce((product, length) => product * length, 1)
      return [spec.name, { dtype: 'F16', shape: spec.shape, data_offsets: [start, end] }]
    }),
  )
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  await writeFile(join(cwd, file), Buffer.concat([length, text]))
  const handle = await open(join(cwd, file), 'r+')
  await handle.truncate(8 + text.length + end)
  await handle.close()
}

describe('info', () => {
  test('of the embedded denoiser', async () => {
    const path = pretrained.denoiser.pathname
    expect((await info(path)).replace(path, 'FILE')).toMatchInlineSnapshot(`
      "file        FILE
      format      safetensors
      size        6,178,492 bytes
      holds       3,073,570 parameters in 309 tensors, float16
      network     denoiser (ADM UNet)
      image       28 × 28, 1 channel
      width       32 × 1, 2, 3; 2 residual blocks a level
      attention   at 14, 7 pixels; heads of 32 channels, legacy order
      resampling  res-block; embedding: scale-shift
      dropout     0
      output      2 channels: prediction and variance
      classes     10 and a null class: t-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle-boot
      diffusion   cosine, 1000 steps; predicts v, variance learned-range
      "
    `)
  })

  test('of the embedded classifier, as JSON', async () => {
    expect(JSON.parse(await info(pretrained.classifier.pathname, '--json'))).toMatchObject({
      format: 'safetensors',
      parameters: 819_978,
      network: {
        kind: 'classifier',
        recognisedBy: 'metadata',
        config: { size: 28, channels: 32, multipliers: [1, 2, 2], pool: 'attention', outChannels: 10 },
      },
      diffusion: { schedule: 'cosine', steps: 1000 },
      classes: pretrained.classes,
    })
  })

  test.each([
    ['checkpoint-zip.pt', 'PyTorch, zip form', '680,677', 'float32'],
    ['checkpoint-legacy.pt', 'PyTorch, form before 1.6', '668,783', 'float32'],
    ['checkpoint-half.pt', 'PyTorch, zip form', '443,057', 'float32 (56), float16 (14)'],
  ])('of %s: what names and shapes show, and what they do not', async (name, format, size, dtypes) => {
    expect((await info(join(vectors, name))).split('\n').slice(1)).toEqual([
      `format      ${format}`,
      `size        ${size} bytes`,
      `holds       163,331 parameters in 70 tensors, ${dtypes}`,
      'network     denoiser (ADM UNet)',
      'image       3 channels',
      'width       32 × 1; 1 residual block a level',
      'attention   in the middle block alone',
      'resampling  res-block; embedding: add',
      'output      3 channels',
      'not shown   size of the image, heads, order of attention channels, dropout, null class, diffusion: names and shapes do not tell',
      'classes     none',
      '',
    ])
  })

  test('as JSON leaves out what was guessed', async () => {
    const { network } = JSON.parse(await info(join(vectors, 'checkpoint-zip.pt'), '--json'))
    expect(network).toEqual({
      kind: 'unet',
      recognisedBy: 'shapes',
      config: {
        channels: 32,
        multipliers: [1],
        blocks: 1,
        attentionDownsampling: [],
        conditioning: 'add',
        resampling: 'res-block',
        inChannels: 3,
        outChannels: 3,
      },
    })
  })

  test('of a PyTorch file with values beside tensors, and tensors that are tied', async () => {
    const text = await info(join(vectors, 'checkpoints/ckpt_nested.pt'), '--tensors')
    expect(text).toContain('network  none of this family\n')
    expect(text).toContain('beside   step: 1234, name: "é-tensor", lr: 0.0003, flags: a list of 3')
    const names = text.split('\n\n')[1]?.trimEnd().split('\n') ?? []
    expect(names).toHaveLength(15)
    expect(
      names.every((line) => /^\S+ +(float|int|uint|bool|bfloat)\d* \[[\d, ]*\]( = \S+)?$/.test(line)),
    ).toBe(true)
  })

  test('of a published checkpoint: which one it is and how its authors sample it', async () => {
    await writePublished('64x64_classifier', 'classifier.safetensors')
    expect(await info('classifier.safetensors')).toMatch(
      /^network +classifier \(encoder UNet\)\nimage +64 × 64, 3 channels\n[\s\S]*^classes +1000\b[\s\S]*^diffusion +cosine, 1000 steps; predicts epsilon, variance learned-range\npublished as +64x64_classifier$/m,
    )
    await writePublished('256x256_diffusion_uncond', 'uncond.safetensors')
    const { published, parameters, network } = JSON.parse(await info('uncond.safetensors', '--json'))
    expect(parameters).toBe(552_814_086)
    expect(network).toMatchObject({ recognisedBy: 'published', config: { size: 256 } })
    expect(published).toEqual(expect.arrayContaining(['256x256_diffusion_uncond', 'lsun_cat']))
    expect(await info('uncond.safetensors')).toContain(
      '256x256_diffusion_uncond: 250 steps, guided by 256x256_classifier with γ = 10\n',
    )
  })

  test('of a file whose metadata tell of other tensors than it has', async () => {
    const weights = Buffer.from(await readFile(pretrained.denoiser))
    const at = weights.indexOf('\\"channels\\":32')
    weights.write('64', at + '\\"channels\\":'.length)
    await writeFile(join(cwd, 'changed.safetensors'), weights)
    expect(await failure(['info', 'changed.safetensors'], { cwd })).toMatch(
      /^error: changed\.safetensors does not hold the network that its metadata tell of: The weights do not fit the network \(\d+ tensors\): .* The file is damaged or was changed by hand; get it again\.$/,
    )
  })

  test.each([
    [
      '',
      'is empty, expected safetensors, a PyTorch checkpoint, .npz or .npy. Download or copy the file again.',
    ],
    [
      'a text that is long enough to have a beginning',
      'is a file that begins with 61 20 74 65 78 74 20 74, expected safetensors, a PyTorch checkpoint, .npz or .npy. Check that the path names a weight file.',
    ],
    [
      'version https://git-lfs.github.com/spec/v1',
      'is a pointer of Git LFS, expected safetensors, a PyTorch checkpoint, .npz or .npy. Fetch the file itself with git lfs pull.',
    ],
  ])('of a file that begins by "%s"', async (content, expected) => {
    await writeFile(join(cwd, 'other.pt'), content)
    expect(await failure(['info', 'other.pt'], { cwd })).toBe(`error: other.pt ${expected}`)
  })

  test('of no file, and of a folder', async () => {
    expect(await failure(['info', 'nothing.pt'], { cwd })).toBe(
      'error: nothing.pt cannot be read: there is no such file. Check the path and its permissions.',
    )
    expect(await failure(['info', '.'], { cwd })).toBe(
      'error: . cannot be read: it is a directory. Give the path of a weight file.',
    )
  })

  test('of a PyTorch file that is cut off', async () => {
    const whole = await readFile(join(vectors, 'checkpoint-zip.pt'))
    await writeFile(join(cwd, 'cut.pt'), whole.subarray(0, 300_000))
    expect(await failure(['info', 'cut.pt'], { cwd })).toMatch(/^error: cut\.pt /)
  })
})
