import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { failure, program, spawnedProgram, temporaryFolder } from '../../testing/program.ts'

const cwd = await temporaryFolder()
const name = '128x128_classifier'

describe('list', () => {
  test('every published checkpoint with its parameters, how it is sampled, and whether it is here', async () => {
    await writeFile(join(cwd, 'lsun_cat.pt'), 'not looked into')
    const { code, stdout, stderr } = await program(['models', 'list', '--cache', '.'], { cwd })
    expect([code, stderr]).toEqual([0, ''])
    const lines = stdout.split('\n')
    expect(lines.filter((line) => /million/.test(line))).toHaveLength(15)
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^256x256_diffusion_uncond +denoiser +256 × 256 +553 million +250 steps, 256x256_classifier, γ = 10$/,
      ),
    )
    expect(lines.filter((line) => line.endsWith('here'))).toEqual([expect.stringMatching(/^lsun_cat /)])
  })

  test('as JSON, with addresses', async () => {
    const { stdout } = await program(['models', 'list', '--json', '--cache', 'nowhere'], { cwd })
    const rows = JSON.parse(stdout)
    expect(rows).toHaveLength(15)
    expect(rows[0]).toEqual({
      name: '64x64_classifier',
      kind: 'classifier',
      size: 64,
      parameters: 65_438_568,
      url: 'https://openaipublic.blob.core.windows.net/diffusion/jul-2021/64x64_classifier.pt',
      diffusion: { steps: 1000, schedule: 'cosine', prediction: 'epsilon', variance: 'learned-range' },
    })
  })
})

/** A server of one file of the right names and shapes that treats each request as it is told. */
async function mirror(
  path: string,
  treat: (request: IncomingMessage, count: number) => 'whole' | { cut: number },
) {
  const { size } = await stat(path)
  const ranges: string[] = []
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    ranges.push(`${request.url} ${request.headers.range ?? 'all'}`)
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    response.writeHead(from > 0 ? 206 : 200, {
      etag: '"1"',
      'content-length': size - from,
      ...(from > 0 ? { 'content-range': `bytes ${from}-${size - 1}/${size}` } : {}),
    })
    const treatment = treat(request, ranges.length)
    if (treatment === 'whole') createReadStream(path, { start: from }).pipe(response)
    else
      createReadStream(path, { start: from, end: from + treatment.cut - 1 })
        .on('end', () => setTimeout(() => response.destroy(), 50))
        .pipe(response, { end: false })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/`, ranges }
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}

describe('pull', () => {
  const file = join(cwd, 'source.pt')
  beforeAll(async () => {
    const script = createRequire(import.meta.url).resolve('@guided-diffusion/tooling/published/write.mjs')
    const writing = spawn(process.execPath, [script, name, file, '--zeros'], { stdio: 'inherit' })
    expect(await new Promise((resolve) => writing.on('close', resolve))).toBe(0)
  })

  test('two programs at once, connections that are cut: one download that goes on, one file', async () => {
    const { url, ranges } = await mirror(file, (_, count) => (count < 3 ? { cut: 60_000_000 } : 'whole'))
    const args = ['models', 'pull', name, '--cache', 'cache', '--mirror', url]
    const outcomes = await Promise.all([spawnedProgram(args, { cwd }), spawnedProgram(args, { cwd })])
    const path = join('cache', `${name}.pt`)
    for (const { code, stdout } of outcomes) expect([code, stdout]).toEqual([0, `${path}\n`])
    const told = outcomes.map(({ stderr }) => stderr).join('')
    expect(told).toContain(`another program pulls ${name}; waiting for it`)
    expect(told).toContain(`${name} is here already`)
    expect(told).toMatch(/the connection \S+ .*; trying again/)
    expect(ranges).toEqual([
      `/models/${name}.pt all`,
      expect.stringMatching(/ bytes=\d+-$/),
      expect.stringMatching(/ bytes=\d+-$/),
    ])
    expect(await readdir(join(cwd, 'cache'))).toEqual([`${name}.pt`])
    const sha256 = await digest(join(cwd, path))
    expect(sha256).toBe(await digest(file))
    expect(told).toContain(`SHA-256 ${sha256}`)
    const { stdout } = await program(['models', 'list', '--cache', 'cache'], { cwd })
    expect(stdout).toMatch(new RegExp(`^${name} .* here$`, 'm'))
  })

  test('a file of another model is not taken for this one', async () => {
    const { url } = await mirror(file, () => 'whole')
    const line = ['models', 'pull', '64x64_classifier', '--cache', 'other', '--mirror', url]
    expect(await failure(line, { cwd })).toMatch(
      /^error: What was downloaded is not 64x64_classifier: The weights do not fit the network \(\d+ tensors\): .* Check the address of the mirror\.$/,
    )
    expect(await readdir(join(cwd, 'other'))).toEqual([])
  })

  test('nor is a web page', async () => {
    await writeFile(join(cwd, 'page.html'), '<!DOCTYPE html><title>Sign in</title>')
    const { url } = await mirror(join(cwd, 'page.html'), () => 'whole')
    const line = ['models', 'pull', name, '--cache', 'page', '--mirror', url]
    expect(await failure(line, { cwd })).toMatch(/ is a web page, expected safetensors/)
    expect(await readdir(join(cwd, 'page'))).toEqual([])
  })

  test.each([
    [
      'pull 64x64',
      'error: There is no published checkpoint "64x64". Choose among 64x64_classifier, 64x64_diffusion,',
    ],
    [
      'pull lsun_cat --mirror example.org',
      'error: example.org is not the address of a web server. Give --mirror https://host/folder.',
    ],
    [
      'pull lsun_cat lsun_horse --sha256 00',
      'error: --sha256 is the digest of one file. Pull one name at a time with it.',
    ],
  ])('%s', async (line, expected) => {
    expect(await failure(['models', ...line.split(' ')], { cwd })).toContain(expected)
  })

  test('a model that was not pulled is told how to be', async () => {
    expect(await failure(['sample', '--model', '64x64_diffusion', '--cache', 'none'], { cwd })).toBe(
      'error: 64x64_diffusion is a published checkpoint that is not in none. Get it by: guided-diffusion models pull 64x64_diffusion',
    )
  })
})

test('the classes of ImageNet stand in the package', async () => {
  const { files } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(files).toContain('assets')
})
