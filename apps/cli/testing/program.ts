import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect } from 'vitest'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** What came of a run of the program. */
export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the built program as a user would, in a folder. */
export function program(args: readonly string[], { cwd }: { cwd?: string } = {}): Promise<Outcome> {
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

/** A folder that goes away with the tests of the file. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-cli-'))
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return folder
}

function start(args: readonly string[], cwd = process.cwd()): ChildProcess {
  const { NODE_OPTIONS: _, ...env } = process.env
  return spawn(process.execPath, [main, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
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
