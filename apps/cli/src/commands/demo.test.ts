import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decode } from 'fast-png'
import { expect, test } from 'vitest'
import { failure, interrupted, spawnedProgram, temporaryFolder } from '../../testing/program.ts'

const cwd = await temporaryFolder()

test('demo writes a picture with ten rows and a column for each γ, and tells how sure the classifier is', async () => {
  const args = ['demo', '--scales', '0,8', '--steps', '5', '--engine', 'wasm', '--out', 'folder/guidance.png']
  const { code, stdout, stderr } = await spawnedProgram(args, { cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('engine: wasm') })
  const [, without, strong] =
    /^how sure the classifier is of the wanted class:\n {2}γ = 0 +(\d+)%\n {2}γ = 8 +(\d+)%\n\S+folder\/guidance\.png, made in \d+s\n$/.exec(
      stdout,
    ) ?? []
  expect(Number(strong)).toBeGreaterThan(Number(without) + 20)
  const picture = decode(await readFile(join(cwd, 'folder/guidance.png')))
  const { width, height, data } = picture
  expect(picture).toMatchObject({ channels: 3, depth: 8 })
  const dark = (x: number, y: number) => (data[(y * width + x) * 3] as number) < 128
  const any = (x0: number, x1: number, y0: number, y1: number) => {
    for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) if (dark(x, y)) return true
    return false
  }
  // nothing runs over the edges, and there is a name at the left of each of ten rows
  expect([
    any(0, width, 0, 12),
    any(width - 12, width, 0, height),
    any(0, width, height - 8, height),
  ]).toEqual([false, false, false])
  const inked = Array.from({ length: height }, (_, y) => any(0, 120, y, y + 1))
  const rows = inked.filter((row, y) => row && !inked.slice(Math.max(0, y - 20), y).includes(true))
  expect(rows).toHaveLength(10)
})

test('demo stops by Ctrl-C with 130 and leaves nothing', async () => {
  const before = await readdir(cwd)
  const args = ['demo', '--scales', '0', '--steps', '1000', '--engine', 'wasm', '--out', 'never.png']
  const stopped = await interrupted(args, { cwd, when: /sampling 1\/1000 steps/ })
  expect(stopped).toMatchObject({ code: 130, stdout: '' })
  expect(await readdir(cwd)).toEqual(before)
})

test('demo refuses scales that are none', async () => {
  expect(await failure(['demo', '--scales', '1,much'], { cwd })).toBe(
    "error: option '--scales <numbers>' argument '1,much' is invalid. Expected a number of 0 or more. guided-diffusion demo --help lists what there is.",
  )
})
