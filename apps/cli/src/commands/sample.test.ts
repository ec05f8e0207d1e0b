import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import { decode } from 'fast-png'
import { beforeAll, describe, expect, test } from 'vitest'
import { npzArrays } from '../../testing/npz.ts'
import { failure, interrupted, program, spawnedProgram, temporaryFolder } from '../../testing/program.ts'

const cwd = await temporaryFolder()
const wasm = ['--engine', 'wasm']

async function sample(args: readonly string[], run = program) {
  const { code, stdout, stderr } = await run(['sample', ...args, ...wasm], { cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('engine: wasm') })
  return stdout.trim()
}

describe('the embedded model', () => {
  const args = '--classes sneaker,3 --count 3 --steps 2'.split(' ')
  let pixels: Uint8Array
  const image = (n: number) => pixels.subarray(n * 784, (n + 1) * 784)

  test('an npz holds images and labels as the reference code writes them', async () => {
    expect(await sample([...args, '--out', 'a.npz'], spawnedProgram)).toBe('a.npz')
    const { arr_0, arr_1, ...others } = await npzArrays(join(cwd, 'a.npz'))
    expect(others).toEqual({})
    expect(arr_0).toMatchObject({ dtype: 'uint8', shape: [3, 28, 28, 1] })
    expect(arr_1).toEqual({ dtype: 'int64', shape: [3], data: BigInt64Array.of(7n, 7n, 3n) })
    pixels = (arr_0 as NonNullable<typeof arr_0>).data as Uint8Array
    expect(Math.min(...pixels)).toBe(0)
    expect(Math.max(...pixels)).toBeGreaterThan(150)
  })

  test('a folder that was not there gets a PNG each; pictures are the same in smaller batches', async () => {
    await sample([...args, '--batch', '2', '--out', 'new/folder'])
    const names = await readdir(join(cwd, 'new/folder'))
    expect(names).toEqual(['0-sneaker.png', '1-sneaker.png', '2-dress.png'])
    for (const [n, name] of names.entries()) {
      const { data, ...facts } = decode(await readFile(join(cwd, 'new/folder', name)))
      expect(facts).toMatchObject({ width: 28, height: 28, channels: 1, depth: 8 })
      expect(Uint8Array.from(data)).toEqual(Uint8Array.from(image(n)))
    }
  })

  test('a PNG is one sheet: a row a class, its name at the left', async () => {
    await sample([...args, '--batch', '1', '--out', 'sheet.png'])
    const { width, height, channels, data } = decode(await readFile(join(cwd, 'sheet.png')))
    expect([height, channels]).toEqual([12 + 2 * 58 - 2 + 12, 3])
    // two pictures in the first row, one in the second, each pixel twice as wide; the row ends at the margin
    const left = width - 12 - (2 * 58 - 2)
    const places = [
      [0, 0],
      [0, 1],
      [1, 0],
    ] as const
    for (const [n, [row, column]] of places.entries()) {
      const shown = Uint8Array.from({ length: 784 }, (_, p) => {
        const y = 12 + row * 58 + 2 * Math.floor(p / 28)
        const x = left + column * 58 + 2 * (p % 28)
        return data[(y * width + x) * 3] as number
      })
      expect(shown).toEqual(Uint8Array.from(image(n)))
    }
    const caption = Array.from(
      { length: 56 * (left - 12) },
      (_, i) => data[((12 + Math.floor(i / (left - 12))) * width + (i % (left - 12))) * 3] as number,
    )
    expect(Math.min(...caption)).toBeLessThan(100)
  })

  test('the class matters by guidance and by --conditional alone, the noise by its seed', async () => {
    const images = async (name: string, more: string) => {
      await sample(`--count 1 --steps 2 ${more} --out ${name}.npz`.split(' '))
      return String((await npzArrays(join(cwd, `${name}.npz`))).arr_0?.data)
    }
    const plain = await images('plain', '--classes bag --scale 0')
    expect(await images('plain-other', '--classes dress --scale 0')).toEqual(plain)
    const others = [
      await images('conditional', '--classes bag --scale 0 --conditional'),
      await images('guided', '--classes bag --scale 4'),
      await images('seed', '--classes bag --scale 0 --seed 2'),
    ]
    expect(new Set([plain, ...others]).size).toBe(4)
  })

  test('DDPM: its spacing, and the gradient at the mean or of the sharpened distribution', async () => {
    const images = async (name: string, more: string) => {
      await sample(`--count 1 --sampler ddpm --respacing 1,1 ${more} --out ${name}.npz`.split(' '))
      return String((await npzArrays(join(cwd, `${name}.npz`))).arr_0?.data)
    }
    const found = [
      await images('ddpm', '--guide-at x'),
      await images('ddpm-mean', '--guide-at mean'),
      await images('ddpm-sharp', '--sharpening renormalized'),
    ]
    expect(new Set(found).size).toBe(3)
  })

  test('Ctrl-C stops with 130 and leaves nothing', async () => {
    const before = await readdir(cwd)
    const args = ['sample', '--count', '1', '--respacing', '1000', '--out', 'never/seen.npz', ...wasm]
    const { code, stdout, stderr } = await interrupted(args, { cwd, when: /sampling 1\/1000 steps, .*left/ })
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
    expect(stderr).toContain('stopping after this step: nothing is written; Ctrl-C again stops at once')
    expect(stderr).not.toContain('error')
    expect(await readdir(cwd)).toEqual(before)
  })
})

describe('what cannot be done is said before it begins', () => {
  beforeAll(async () => {
    await writeFile(join(cwd, 'file'), 'x')
    await mkdir(join(cwd, 'folder.png'))
    const weights = await readFile(pretrained.denoiser)
    await writeFile(join(cwd, 'cut.safetensors'), weights.subarray(0, 100_000))
    await writeFile(
      join(cwd, 'damaged.safetensors'),
      weights.map((byte, i) => (i === 40 ? byte ^ 255 : byte)),
    )
    await writeFile(join(cwd, 'page.pt'), '<!DOCTYPE html><title>Not found</title>')
  })

  test.each([
    [
      '--classes sneaker,boat',
      'error: There is no class "boat". Choose among t-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle-boot, or all.',
    ],
    [
      '--out samples.jpg',
      'error: samples.jpg is neither a PNG, an npz nor a folder. Give --out FILE.png, FILE.npz or DIR (with a slash at its end if its name has a dot).',
    ],
    [
      '--out folder.png',
      'error: folder.png cannot be written: it is a folder. Name a place that may be written to and has room.',
    ],
    [
      '--steps 300',
      'error: No whole stride takes exactly 300 of 1000 steps. Give --respacing 300, which spreads the steps by rounding, or another number of steps.',
    ],
    [
      '--model nothing.safetensors',
      'error: nothing.safetensors cannot be read: there is no such file. Check the path and its permissions.',
    ],
    [
      '--model page.pt',
      'error: page.pt is a web page, expected safetensors, a PyTorch checkpoint, .npz or .npy. The download gave a page instead of the file; it may need a login.',
    ],
  ])('%s', async (line, expected) => {
    expect(await failure(['sample', ...line.split(' ')], { cwd })).toBe(expected)
  })

  test('a path through a file', async () => {
    expect(await failure(['sample', '--out', 'file/a.png'], { cwd })).toMatch(
      /^error: file\/a\.png cannot be written: .*\/file is not a folder\. Name a place/,
    )
  })

  test('weights that are cut off or damaged', async () => {
    expect(await failure(['sample', '--model', 'cut.safetensors', '--scale', '0'], { cwd })).toMatch(
      /^error: cut\.safetensors is cut off: it has 100000 bytes, /,
    )
    expect(await failure(['sample', '--model', 'damaged.safetensors', '--scale', '0'], { cwd })).toMatch(
      /^error: damaged\.safetensors is not valid safetensors: /,
    )
    expect(existsSync(join(cwd, 'samples.png'))).toBe(false)
  })
})
