import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createContext, runInContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundleForBrowser } from './bundle.ts'
import { installAll, type Packed, packAll, runModule } from './project.ts'

const run = promisify(execFile)

let work: string
let project: string
let packages: Packed[]

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'packed-'))
  project = join(work, 'project')
  packages = await packAll(join(work, 'tarballs'))
  await installAll(project, packages)
})
afterAll(() => rm(work, { recursive: true, force: true }))

/** `@guided-diffusion/backends/wasm` and the like: everything that can be imported. */
const entries = () =>
  packages.flatMap(({ name, manifest: { exports = {} } }) =>
    Object.keys(exports)
      .filter((key) => key !== './package.json')
      .map((key) => name + key.slice(1)),
  )

/** They use Node, and say so by their names. */
const onlyNode = (entry: string) => /backends\/tensorflow|compile\/(node|onnx)/.test(entry)

/** A whole guided run with networks of a few thousand parameters: what a first program looks like. */
const program = `
import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { createClassifier } from '@guided-diffusion/classifier'
import { createDiffusion, ddim, generate } from '@guided-diffusion/diffusion'
import { classifierGuidance, unconditional } from '@guided-diffusion/guidance'
import { createUNet } from '@guided-diffusion/models'
import { cosineSchedule, respace } from '@guided-diffusion/schedules'

const backend = await startBackend([cpu()])
const network = { size: 8, inChannels: 1, channels: 32, multipliers: [1], blocks: 1 }
const denoiser = createUNet({ ...network, outChannels: 2 }, { seed: 1 })
const classifier = createClassifier({ ...network, classes: 3 }, { seed: 2 })
const diffusion = createDiffusion({
  schedule: respace(cosineSchedule({ steps: 1000 }), 'ddim3'),
  prediction: 'epsilon',
  variance: 'learned-range',
})
const images = await generate({
  diffusion, denoiser: unconditional(denoiser), sampler: ddim(), guidance: classifierGuidance(classifier, { scale: 2 }),
  shape: [8, 8, 1], labels: [0, 2], seed: 7,
})
const pixels = await images.data()
const report = { backend: backend.name, shape: images.shape, finite: pixels.every(Number.isFinite), first: pixels[0] }
`

describe('what is packed', () => {
  test('every public package, and nothing that is private', () => {
    const names = packages.map(({ name }) => name)
    expect(names).toContain('@guided-diffusion/cli')
    expect(names.length).toBeGreaterThanOrEqual(12)
    expect(packages.filter(({ manifest }) => manifest.private)).toEqual([])
  })

  test('built code, types, README and licence; no tests, no build state', () => {
    const faults = packages.flatMap(({ name, files }) => {
      const wanted = ['README.md', 'LICENSE', 'package.json']
      const missing = wanted.filter((file) => !files.includes(file)).map((file) => `${name} lacks ${file}`)
      const excess = files.filter((file) => /\.test\.|\.bench\.|tsbuildinfo|node_modules|fixtures/.test(file))
      return [...missing, ...excess.map((file) => `${name} holds ${file}`)]
    })
    expect(faults).toEqual([])
  })

  test('each path of exports, imports and bin is there', () => {
    const faults = packages.flatMap(({ name, manifest, files }) =>
      paths([manifest.exports, manifest.imports, manifest.bin, manifest.types])
        .filter((path) => !files.includes(path.slice(2)))
        .map((path) => `${name}: ${path}`),
    )
    expect(faults).toEqual([])
  })

  test('dependencies are versions, not places in this workspace', () => {
    const faults = packages.flatMap(({ name, manifest: { dependencies, peerDependencies } }) =>
      Object.entries({ ...dependencies, ...peerDependencies })
        .filter(([, version]) => !/^(\^|~|>=)?\d+\.\d+\.\d+$/.test(version))
        .map(([dependency, version]) => `${name}: ${dependency} ${version}`),
    )
    expect(faults).toEqual([])
  })
})

/** Every relative path in a value of package.json. */
function paths(value: unknown): string[] {
  if (typeof value === 'string') return value.startsWith('./') ? [value] : []
  return value && typeof value === 'object' ? Object.values(value).flatMap(paths) : []
}

describe('installed in an empty project, in plain Node', () => {
  test('each export can be imported, and exports something', async () => {
    const text = `const names = ${JSON.stringify(entries())}
      for (const name of names) console.log(name, Object.keys(await import(name)).length)`
    const lines = (await runModule(project, 'import-all.js', text)).trim().split('\n')
    expect(lines).toHaveLength(entries().length)
    expect(lines.filter((line) => line.endsWith(' 0'))).toEqual([])
  })

  test('a guided run gives finite images', async () => {
    const output = await runModule(project, 'guided.js', `${program}\nconsole.log(JSON.stringify(report))`)
    const report = JSON.parse(output)
    expect(report).toMatchObject({ backend: 'cpu', shape: [2, 8, 8, 1], finite: true })
  })

  test('the same run passes the type checker with the types that are packed', async () => {
    await writeFile(join(project, 'guided.ts'), `${program}\nexport const shape: number[] = report.shape`)
    await writeFile(
      join(project, 'entries.ts'),
      entries()
        .map((entry, i) => `export * as m${i} from '${entry}'`)
        .join('\n'),
    )
    const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
    const compilerOptions = { strict: true, noEmit: true, target: 'es2022', module: 'nodenext', types: [] }
    const settings = {
      compilerOptions: { ...compilerOptions, skipLibCheck: true },
      files: ['guided.ts', 'entries.ts'],
    }
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify(settings))
    const check = run(process.execPath, [tsc, '-p', project])
    await expect(check.catch((error) => Promise.reject(new Error(error.stdout)))).resolves.toBeDefined()
  })

  test('the command-line program starts', async () => {
    const { stdout } = await run(join(project, 'node_modules/.bin/guided-diffusion'), ['--help'])
    expect(stdout).toContain('guided-diffusion')
    for (const command of ['sample', 'train']) expect(stdout).toContain(command)
  })
})

describe('bundled for browsers by Vite', () => {
  test('no package asks for a module of Node', async () => {
    const wanted = entries().filter((entry) => !onlyNode(entry))
    const text = wanted.map((entry, i) => `import * as m${i} from '${entry}'`).join('\n')
    const used = `globalThis.packages = [${wanted.map((_, i) => `m${i}`).join(', ')}]`
    const { code, builtins } = await bundleForBrowser(project, 'all', `${text}\n${used}`)
    // TensorFlow.js asks behind a check of the platform, and tells bundlers so; ours must not ask at all
    const theirs = /^(@tensorflow\/|seedrandom\/)/
    expect(builtins.filter((request) => !theirs.test(request))).toEqual([])
    expect(code).not.toMatch(/createRequire\(/)
    expect(code.length).toBeGreaterThan(100_000)
  })

  test('the guided run gives the numbers of Node, where there is no Node', async () => {
    const inside = `(async () => { ${program.replace(/^import .*$/gm, '')} globalThis.result = report })()`
    const imports = program.match(/^import .*$/gm)?.join('\n')
    const { code } = await bundleForBrowser(
      project,
      'guided-browser',
      `${imports}\nglobalThis.done = ${inside}`,
    )
    const page: Record<string, unknown> = {}
    for (const name of webGlobals) page[name] = (globalThis as Record<string, unknown>)[name]
    page.self = page.window = page.globalThis = createContext(page)
    page.document = {}
    page.navigator = { userAgent: 'a browser', hardwareConcurrency: 1 }
    runInContext(code, page as object)
    await page.done
    const inNode = await runModule(
      project,
      'guided-again.js',
      `${program}\nconsole.log(JSON.stringify(report))`,
    )
    expect(page.result).toMatchObject(JSON.parse(inNode))
  })
})

/** What a page has and Node has too. */
const webGlobals = [
  'AbortController',
  'AbortSignal',
  'Blob',
  'TextDecoder',
  'TextEncoder',
  'URL',
  'clearTimeout',
  'console',
  'crypto',
  'fetch',
  'performance',
  'queueMicrotask',
  'setTimeout',
  'structuredClone',
  'MessageChannel',
]
