import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
const environment: NodeJS.ProcessEnv = { ...process.env, npm_config_update_notifier: 'false' }

/** What is published. */
export interface Packed {
  readonly name: string
  readonly tarball: string
  readonly manifest: {
    readonly exports?: Readonly<Record<string, unknown>>
    readonly dependencies?: Readonly<Record<string, string>>
    readonly peerDependencies?: Readonly<Record<string, string>>
    readonly [key: string]: unknown
  }
  /** Paths in the tarball. */
  readonly files: readonly string[]
}

/** Where the packages lie that are published; an app may be none. */
async function publicFolders(): Promise<string[]> {
  const apps = (await readdir(join(root, 'apps'))).map((name) => `apps/${name}`)
  const manifests = await Promise.all(
    apps.map(async (place) => JSON.parse(await readFile(join(root, place, 'package.json'), 'utf8'))),
  )
  return ['packages/*', ...apps.filter((_, i) => !manifests[i].private)]
}

/** Packs every public package with `pnpm pack`. */
export async function packAll(folder: string): Promise<Packed[]> {
  await mkdir(folder, { recursive: true })
  const filters = (await publicFolders()).flatMap((place) => ['--filter', `./${place}`])
  await pnpm(['--recursive', ...filters, 'pack', '--pack-destination', folder], root)
  const tarballs = (await readdir(folder)).filter((name) => name.endsWith('.tgz')).sort()
  return Promise.all(tarballs.map((name) => packed(join(folder, name))))
}

async function packed(tarball: string): Promise<Packed> {
  const { stdout: text } = await run('tar', ['-xzOf', tarball, 'package/package.json'])
  const { stdout: list } = await run('tar', ['-tzf', tarball])
  const manifest = JSON.parse(text)
  const files = list
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''))
  return { name: manifest.name, tarball, manifest, files }
}

/**
 * An empty project with every tarball installed by npm. Packages find each other's tarballs, not those of the
 * registry; native parts, which are optional, stay away.
 */
export async function installAll(folder: string, packages: readonly Packed[]): Promise<void> {
  await mkdir(folder, { recursive: true })
  const ours = Object.fromEntries(packages.map(({ name, tarball }) => [name, `file:${tarball}`]))
  const version = await catalog('@tensorflow/tfjs-core')
  const engines = ['core', 'backend-cpu', 'backend-wasm'].map((part) => [`@tensorflow/tfjs-${part}`, version])
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({
      private: true,
      type: 'module',
      dependencies: { ...ours, ...Object.fromEntries(engines) },
      overrides: Object.fromEntries(Object.keys(ours).map((name) => [name, `$${name}`])),
    }),
  )
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline']
  await run('npm', ['install', '--ignore-scripts', '--omit=optional', ...quiet], {
    cwd: folder,
    env: environment,
  })
}

/** The version of a dependency that the workspace pins. */
async function catalog(name: string): Promise<string> {
  const text = await readFile(join(root, 'pnpm-workspace.yaml'), 'utf8')
  const version = text.match(new RegExp(`'${name}': ([\\d.]+)`))?.[1]
  if (!version) throw new Error(`pnpm-workspace.yaml pins no ${name}`)
  return version
}

/** Runs a module's text in plain Node inside a folder; what it printed. */
export async function runModule(folder: string, file: string, text: string): Promise<string> {
  await writeFile(join(folder, file), text)
  const { stdout } = await run(process.execPath, [file], { cwd: folder, env: plainEnvironment() })
  return stdout
}

/** Without the settings by which a test runner reaches into the programs that it starts. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, NODE_PATH: __, ...rest } = environment
  return rest
}

/** The pnpm that runs this, else the one on the path. */
async function pnpm(args: readonly string[], cwd: string): Promise<void> {
  const running = process.env.npm_execpath
  const options = { cwd, env: environment, maxBuffer: 1 << 26 }
  if (running && /pnpm/.test(running) && /\.c?js$/.test(running))
    await run(process.execPath, [running, ...args], options)
  else await run('pnpm', args, options)
}
