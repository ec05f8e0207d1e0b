import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

const reports = await mkdtemp(join(tmpdir(), 'test-reports-'))
const { packageManager } = JSON.parse(await readFile('package.json', 'utf8'))
const pnpm = ['npx', '--yes', '--prefer-offline', packageManager, '--silent']
const env = {
  ...process.env,
  CI: 'true',
  DO_NOT_TRACK: '1',
  TURBO_TELEMETRY_DISABLED: '1',
  GUIDED_DIFFUSION_TEST_REPORTS: reports,
}
const minutes = 60_000

/**
 * Runs a command, shows what it prints, and keeps the end of it.
 *
 * @param {readonly string[]} command
 * @param {{ force?: boolean, limit?: number }} [options] `force`: run what turbo has cached.
 * @returns {Promise<{ ok: boolean, tail: string }>}
 */
function run([program, ...args], { force = false, limit = 40 * minutes } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: force ? { ...env, TURBO_FORCE: 'true' } : env,
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    let tail = ''
    child.stdout.on('data', (data) => {
      process.stdout.write(data)
      tail = (tail + data).slice(-10_000)
    })
    const stop = setTimeout(() => {
      console.log(`stopped after ${limit / minutes} minutes`)
      process.kill(-child.pid, 'SIGKILL')
    }, limit)
    child.on('error', (error) => {
      clearTimeout(stop)
      resolve({ ok: false, tail: error.message })
    })
    child.on('close', (code) => {
      clearTimeout(stop)
      resolve({ ok: code === 0, tail })
    })
  })
}

/** Passed and failed of a check that has no tests of its own to count. */
const asOne = ({ ok }) => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1 })

/** A command that runs tests: their numbers and what failed, from the reports that they leave. */
async function tests(command, options) {
  const { ok, tail } = await run(command, options)
  const count = { passed: 0, failed: 0, failures: [] }
  for (const name of await readdir(reports)) {
    const path = join(reports, name)
    const report = JSON.parse(await readFile(path, 'utf8'))
    count.passed += report.numPassedTests
    // a file that does not load has no failed test, and is a failure
    count.failed += report.numFailedTests || (report.success ? 0 : 1)
    count.failures.push(...report.testResults.flatMap(failuresOf))
    await rm(path)
  }
  if (!ok && count.failed === 0) {
    count.failed = 1
    count.failures.push(
      ['no test, but the command failed', ...tail.trim().split('\n').slice(-20)].join('\n    '),
    )
  }
  if (ok && count.passed === 0) count.failed++
  return count
}

/** What failed in one file of tests: file, test, and the first lines of its message. */
function failuresOf({ name, status, message, assertionResults }) {
  const described = (test, text) =>
    [`${relative('.', name)}${test}`, ...text.split('\n').slice(0, 6)].join('\n    ')
  const failed = assertionResults.filter((each) => each.status === 'failed')
  if (status === 'failed' && failed.length === 0) return [described('', message ?? '')]
  return failed.map((each) => described(` > ${each.fullName}`, each.failureMessages.join('\n')))
}

/** The golden runner: its cases. */
async function golden(...args) {
  const { ok, tail } = await run([...pnpm, 'golden', ...args])
  const [, passed, failed] = /(\d+) passed, (\d+) failed, \d+ skipped\s*$/.exec(tail) ?? []
  if (passed === undefined) return { passed: 0, failed: 1 }
  return { passed: Number(passed), failed: Number(failed) || (ok ? 0 : 1) }
}

/** Exported files beside ONNX's checker and Python's runtime: its cases. */
async function onnxFiles() {
  const { ok, tail } = await run([...pnpm, 'check:onnx'])
  const [, passed, failed] = /(\d+) passed, (\d+) failed\s*$/.exec(tail) ?? []
  if (passed === undefined) return { passed: 0, failed: 1 }
  return { passed: Number(passed), failed: Number(failed) || (ok ? 0 : 1) }
}

/** A browser for tests, what native TensorFlow is set up with, and the images that the command-line program is tested on. */
async function systemPackages() {
  const has = (command) => spawnSync('sh', ['-c', command], { stdio: 'ignore' }).status === 0
  const wanted = [
    ['chromium', 'test -n "$CHROMIUM_PATH" || command -v chromium || command -v google-chrome'],
    ['python3-pip', 'python3 -m pip --version'],
    ['python3-venv', 'python3 -c "import ensurepip, venv"'],
    ['g++', 'g++ --version'],
    ['dataset-fashion-mnist', 'test -d /usr/share/datasets/fashion-mnist'],
  ]
  const missing = wanted.filter(([, command]) => !has(command)).map(([name]) => name)
  if (missing.length === 0) return { passed: 1, failed: 0 }
  if (!has('command -v apt-get')) {
    console.log(`${missing.join(', ')}: missing, and there is no apt-get`)
    return { passed: 0, failed: 1 }
  }
  const { ok } = await run(['apt-get', 'update', '--quiet'])
  if (!ok) return { passed: 0, failed: 1 }
  env.DEBIAN_FRONTEND = 'noninteractive'
  return asOne(await run(['apt-get', 'install', '--yes', '--quiet', '--no-install-recommends', ...missing]))
}

// on one JavaScript core, of the networks only those that are small
const onCpu = '^(?!unet-|guided-|classifier-)|unet-c|unet-f|guided-ddim-scale1|classifier-attention'

/** @type {readonly [string, () => Promise<{ passed: number, failed: number, failures?: string[] }>][]} */
const checks = [
  ['system packages', systemPackages],
  ['npm test', () => tests(['npm', 'test'], { force: true })],
  ['exported files in Python', onnxFiles],
  ['native TensorFlow', async () => asOne(await run([...pnpm, 'provision:tensorflow']))],
  ['golden vectors, tensorflow', () => golden('--engine', 'tensorflow')],
  ['golden vectors, onnx', () => golden('--engine', 'onnx')],
  ['golden vectors, wasm', () => golden('--engine', 'wasm')],
  ['golden vectors, cpu', () => golden('--engine', 'cpu', '--only', onCpu)],
  // those that `npm test` had to skip, or that tell which engines are here
  [
    'engine tests with native TensorFlow',
    () =>
      tests(
        [
          ...[...pnpm, 'turbo', 'run', 'test', '--only', '--filter=@guided-diffusion/backends'],
          ...['--', '--testNamePattern', '[Tt]ensor[Ff]low|diagnose|startBackend'],
        ],
        { force: true },
      ),
  ],
  ['lint', async () => asOne(await run([...pnpm, 'lint']))],
  ['type check', async () => asOne(await run([...pnpm, 'typecheck']))],
  ['package checks', async () => asOne(await run([...pnpm, 'check:packages']))],
  ['package boundaries', async () => asOne(await run([...pnpm, 'turbo', 'boundaries']))],
]

const totals = { passed: 0, failed: 0 }
const lines = []
for (const [name, check] of checks) {
  console.log(`\n── ${name}`)
  const began = performance.now()
  const { passed, failed, failures = [] } = await check()
  totals.passed += passed
  totals.failed += failed
  const seconds = Math.round((performance.now() - began) / 1000)
  lines.push(
    `${failed > 0 ? 'FAILED' : 'ok    '}  ${name}: ${passed} passed, ${failed} failed (${seconds} s)`,
    ...failures.map((failure) => `  - ${failure}`),
  )
}
await rm(reports, { recursive: true, force: true })
console.log(`\n${lines.join('\n')}`)
console.log(`${totals.passed} passed, ${totals.failed} failed`)
process.exitCode = totals.failed > 0 ? 1 : 0
