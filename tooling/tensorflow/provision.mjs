/**
 * Sets up native TensorFlow for `@tensorflow/tfjs-node` from the libraries inside the Python wheel of TensorFlow,
 * with the project's fused operations (`ops/*.cc`) linked in. The stock package downloads a build of
 * TensorFlow 2.9 instead, which has neither the newer kernels nor these operations.
 *
 *   node tooling/tensorflow/provision.mjs [--force] [--cache DIR]
 *
 * Needs Linux on x86-64, `python3` with pip, and `g++`. Downloads 274 MB once; what is up to date is left alone.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs, promisify } from 'node:util'

const run = promisify(execFile)

const wheel = {
  package: 'tensorflow-cpu==2.21.0',
  file: 'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl',
  sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
  platform: ['--python-version', '311', '--implementation', 'cp', '--platform', 'manylinux_2_27_x86_64'],
}

/** Compiler flags; GroupNorm's loops only vectorise where floating-point traps and errno need not be kept. */
const flags = [
  '-std=c++17',
  '-O3',
  '-march=native',
  '-fno-math-errno',
  '-fno-trapping-math',
  '-fPIC',
  '-shared',
]

class ProvisionError extends Error {}

const { values: options } = parseArgs({
  options: {
    force: { type: 'boolean', default: false },
    cache: { type: 'string' },
    help: { type: 'boolean' },
  },
})

async function provision() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new ProvisionError(
      `needs Linux on x86-64, this is ${process.platform} on ${process.arch}. ` +
        'Let @tensorflow/tfjs-node install its own build (npm rebuild @tensorflow/tfjs-node), or use --engine wasm.',
    )
  }
  const cache =
    options.cache ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'guided-diffusion')
  const folder = join(cache, 'tensorflow-cpu-2.21.0-1')
  const packageFolder = tfjsNode()
  const target = join(packageFolder, 'lib', 'napi-v8', 'tfjs_binding.node')
  const recipe = await recipeDigest(packageFolder)
  const stamp = `${target}.recipe`
  if (!options.force && existsSync(target) && (await read(stamp)) === `${recipe} ${folder}`) {
    console.log(`native TensorFlow is up to date: ${target}`)
    return
  }
  await requireTool('g++', ['--version'], 'Install a C++ compiler (Debian: apt-get install g++).')
  if (options.force || !existsSync(join(folder, 'complete'))) await libraries(folder)
  console.log('compiling the binding …')
  await mkdir(dirname(target), { recursive: true })
  const built = `${target}.${process.pid}`
  await compile(packageFolder, folder, built)
  await rename(built, target)
  await writeFile(stamp, `${recipe} ${folder}`)
  await check(packageFolder)
  console.log(`native TensorFlow 2.21 is ready: ${target}`)
}

/** The folder of the installed package, as the command-line program sees it. */
function tfjsNode() {
  const cli = createRequire(new URL('../../apps/cli/package.json', import.meta.url))
  try {
    return dirname(cli.resolve('@tensorflow/tfjs-node/package.json'))
  } catch {
    throw new ProvisionError('@tensorflow/tfjs-node is not installed. Run npm run setup first.')
  }
}

/** Downloads the wheel, checks its digest, unpacks libraries and headers beside, and renames. */
async function libraries(folder) {
  await requireTool(
    'python3',
    ['-m', 'pip', '--version'],
    'Install it (Debian: apt-get install python3-pip).',
  )
  const work = join(tmpdir(), `tensorflow-wheel-${process.pid}`)
  const beside = `${folder}.${process.pid}`
  try {
    console.log(`downloading ${wheel.package} (274 MB) …`)
    await mkdir(work, { recursive: true })
    const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps']
    await tool('python3', [...pip, ...wheel.platform, '--only-binary=:all:', '--dest', work, wheel.package])
    const path = join(work, wheel.file)
    const digest = existsSync(path) ? await sha256(path) : 'no such file'
    if (digest !== wheel.sha256) {
      throw new ProvisionError(
        `${wheel.file} has the digest ${digest}, expected ${wheel.sha256}. Nothing was installed.`,
      )
    }
    console.log('unpacking …')
    await mkdir(beside, { recursive: true })
    await tool('python3', ['-c', unpack, path, beside])
    await symlink('libtensorflow_cc.so.2', join(beside, 'libtensorflow.so'))
    await writeFile(join(beside, 'complete'), wheel.sha256)
    await rm(folder, { recursive: true, force: true })
    await rename(beside, folder)
  } finally {
    await rm(work, { recursive: true, force: true })
    await rm(beside, { recursive: true, force: true })
  }
}

/** Writes the two libraries and the headers of a wheel into a folder; no other member is touched. */
const unpack = `
import os, shutil, sys, zipfile
wheel, folder = sys.argv[1:]
include = 'tensorflow/include/'
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name in ('tensorflow/libtensorflow_cc.so.2', 'tensorflow/libtensorflow_framework.so.2'):
            path = os.path.join(folder, os.path.basename(name))
        elif name.startswith(include) and name[len(include):].split('/')[0] in ('absl', 'tensorflow', 'tsl', 'xla') and name.endswith(('.h', '.inc')) and '..' not in name:
            path = os.path.join(folder, 'include', name[len(include):])
        else:
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(name) as source, open(path, 'wb') as target:
            shutil.copyfileobj(source, target, 1 << 20)
`

async function compile(packageFolder, folder, output) {
  const { include_dir: nodeApi } = createRequire(import.meta.url)('node-api-headers')
  const bindings = await sources(join(packageFolder, 'binding'), '.cc')
  const operations = await sources(new URL('ops/', import.meta.url).pathname, '.cc')
  await tool('g++', [
    ...flags,
    '-DNAPI_VERSION=8',
    '-DBUILDING_NODE_EXTENSION',
    `-I${nodeApi}`,
    `-I${join(folder, 'include')}`,
    ...bindings,
    ...operations,
    '-o',
    output,
    `-L${folder}`,
    '-ltensorflow',
    '-l:libtensorflow_framework.so.2',
    `-Wl,-rpath,${folder}`,
  ])
}

/** Starts the backend in a process of its own and runs one operation. */
async function check(packageFolder) {
  const script = `
    const util = require('node:util'); util.isNullOrUndefined ??= (v) => v == null
    const tf = require(${JSON.stringify(packageFolder)})
    const sum = tf.add(tf.ones([2]), 1).arraySync()
    if (tf.getBackend() !== 'tensorflow' || sum[1] !== 2) throw new Error('backend ' + tf.getBackend() + ', sum ' + sum)`
  try {
    await run(process.execPath, ['-e', script], { env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' } })
  } catch (error) {
    throw new ProvisionError(`the binding was built but does not run: ${lastLine(error)}`)
  }
}

/** Changes when anything that goes into the binding does. */
async function recipeDigest(packageFolder) {
  const hash = createHash('sha256').update(wheel.sha256).update(flags.join(' '))
  const operations = new URL('ops/', import.meta.url).pathname
  const files = [
    ...(await sources(join(packageFolder, 'binding'), '.cc')),
    ...(await sources(operations, '.cc')),
    ...(await sources(operations, '.h')),
  ]
  for (const file of files) hash.update(await readFile(file))
  return hash.digest('hex')
}

async function sources(folder, extension) {
  return (await readdir(folder))
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => join(folder, name))
}

async function sha256(path) {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}

async function read(path) {
  return existsSync(path) ? readFile(path, 'utf8') : undefined
}

async function requireTool(command, args, advice) {
  try {
    await run(command, args)
  } catch (error) {
    throw new ProvisionError(`${[command, ...args].join(' ')} does not work: ${lastLine(error)}. ${advice}`)
  }
}

async function tool(command, args) {
  try {
    await run(command, args, { maxBuffer: 1 << 26 })
  } catch (error) {
    throw new ProvisionError(`${command} failed: ${lastLine(error)}`)
  }
}

function lastLine(error) {
  const lines = String(error.stderr || error.message)
    .trim()
    .split('\n')
  return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1)
}

if (options.help) {
  console.log('usage: pnpm provision:tensorflow [--force] [--cache DIR]')
} else {
  await provision().catch((error) => {
    if (!(error instanceof ProvisionError)) throw error
    console.error(`provision:tensorflow: ${error.message}`)
    process.exitCode = 1
  })
}
