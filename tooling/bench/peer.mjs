import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/**
 * Another side of a case, in a process of its own.
 *
 * @typedef {object} Peer
 * @property {any} [facts]
 * @property {string} [reason] Why it does not run here.
 * @property {(units: number) => Promise<{ seconds: number, memory: number }>} [run] `memory` is the peak of the process so far, in bytes.
 * @property {() => void | Promise<void>} end
 */

/**
 * Starts a script in Python, or in Node where its name ends so, and asks it for times; `pytorch/serve.py` has the dialogue.
 *
 * @param {string} command The interpreter.
 * @param {string} script Its place beside this file.
 * @param {object} config
 * @returns {Promise<Peer>} `reason` where the interpreter, or a library that the script needs, is missing.
 */
export async function startPeer(command, script, config) {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const child = spawn(command, [path], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  })
  let errors = ''
  child.stderr.on('data', (data) => {
    errors += data
  })
  child.stdin.on('error', () => {})
  const failed = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', () => resolve(lastError(errors) ?? `${command} ended`))
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ask = async (question) => {
    child.stdin.write(`${question}\n`)
    const { value, done } = await lines.next()
    return done ? { reason: await failed } : JSON.parse(value)
  }
  const facts = await Promise.race([ask(JSON.stringify(config)), failed.then((reason) => ({ reason }))])
  const end = () => void child.kill()
  if (facts.reason) return { reason: facts.reason, end }
  return {
    facts,
    end,
    run: async (units) => {
      const { seconds, memory, reason } = await ask(units)
      if (reason) throw new Error(`${script}: ${reason}`)
      return { seconds, memory }
    },
  }
}

/** The line that says what went wrong: Python's last, or the one under Node's picture of the place. */
function lastError(text) {
  const lines = text.trim().split('\n').filter(Boolean)
  return lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line)) ?? lines.at(-1)
}
