import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/**
 * Starts the PyTorch side of a case and asks it for times; `pytorch/serve.py` has the dialogue.
 *
 * @param {string} python
 * @param {string} script
 * @param {object} config
 * @returns {Promise<{ facts?: any, reason?: string, run?: (units: number) => Promise<{ seconds: number, memory: number }>, end(): void }>}
 *   `reason` where Python or PyTorch is missing; `memory` is the peak of the process so far, in bytes.
 */
export async function startPeer(python, script, config) {
  const path = fileURLToPath(new URL(`./pytorch/${script}`, import.meta.url))
  const child = spawn(python, [path], {
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
    child.on('exit', () => resolve(errors.trim().split('\n').at(-1) || `${python} ended`))
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
