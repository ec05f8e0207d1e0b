import { type ChildProcess, fork, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect } from 'vitest'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const hostFile = fileURLToPath(new URL('./program-host.mjs', import.meta.url))

/** What came of a run of the program. */
export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs the built program in a folder, in a process that all runs of a test file share: nothing is started and loaded
 * anew, which takes longer than most of what is tested. One run at a time. See `program-host.mjs`.
 */
export function program(
  args: readonly string[],
  { cwd = process.cwd() }: { cwd?: string } = {},
): Promise<Outcome> {
  const run = last.then(() => hosted(args, cwd))
  last = run.catch(() => {})
  return run
}

/** Runs it as a user would, in a process of its own. */
export function spawnedProgram(args: readonly string[], { cwd }: { cwd?: string } = {}): Promise<Outcome> {
  return outcome(start(args, cwd))
}

/** Runs it until its stderr matches, sends Ctrl-C, and waits for its end. */
export async function interrupted(
  args: readonly string[],
  { cwd, when }: { cwd: string; when: RegExp },
): Promise<Outcome> {
  const child = start(args, cwd)
  let heard = ''
  const listen = (text: string) => {
    heard += text
    if (!when.test(heard)) return
    child.stderr?.off('data', listen)
    child.kill('SIGINT')
  }
  child.stderr?.setEncoding('utf8').on('data', listen)
  return outcome(child)
}

/** Runs it, expects it to fail by exit code 1, and returns the one line of its stderr that says why. */
export async function failure(args: readonly string[], options: { cwd?: string } = {}): Promise<string> {
  const { code, stdout, stderr } = await program(args, options)
  const lines = stderr.split('\n').filter((line) => line.startsWith('error:'))
  expect({ code, stdout, lines: lines.length, last: stderr.trim().split('\n').at(-1) }).toEqual({
    code: 1,
    stdout: '',
    lines: 1,
    last: lines[0],
  })
  expect(stderr).not.toMatch(/^\s+at .+:\d+:\d+/m)
  return lines[0] as string
}

let host: ChildProcess | undefined
let last: Promise<unknown> = Promise.resolve()
afterAll(() => host?.kill())
/** Where the programs that are run keep what they cache. */
export const cacheHome = await temporaryFolder()

function hosted(args: readonly string[], cwd: string): Promise<Outcome> {
  host ??= fork(hostFile, { execArgv: [], env: environment(), stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  const child = host
  return new Promise((resolve, reject) => {
    const ended = () => {
      host = undefined
      reject(new Error(`The program ended the process that it ran in: ${args.join(' ')}`))
    }
    child.once('exit', ended)
    child.once('message', (message: Outcome | { readonly fault: string }) => {
      child.off('exit', ended)
      if ('fault' in message) reject(new Error(message.fault))
      else resolve(message)
    })
    child.send({ args, cwd })
  })
}

/** A folder that goes away with the tests of the file. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-cli-'))
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return folder
}

function start(args: readonly string[], cwd = process.cwd()): ChildProcess {
  return spawn(process.execPath, [main, ...args], {
    cwd,
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** With a cache folder of its own: what users keep in theirs is neither read nor touched. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...env } = process.env
  return { ...env, XDG_CACHE_HOME: cacheHome, LOCALAPPDATA: cacheHome }
}

function outcome(child: ChildProcess): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const text = { stdout: '', stderr: '' }
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
      text.stdout += piece
    })
    child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
      text.stderr += piece
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...text }))
  })
}
