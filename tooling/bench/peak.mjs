import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Peak of single-precision arithmetic in FLOP/s: what `peak.c`, a loop of multiply-adds in registers, reaches with so many
 * threads. `reason` where there is no C compiler.
 *
 * @param {number} threads
 * @returns {Promise<{ peak?: number, reason?: string }>}
 */
export async function measurePeak(threads) {
  const folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-peak-'))
  try {
    const program = join(folder, 'peak')
    const source = fileURLToPath(new URL('./peak.c', import.meta.url))
    await run('cc', ['-O3', '-march=native', '-pthread', source, '-o', program])
    const { stdout } = await run(program, [String(threads)])
    return { peak: Number(stdout) * 1e9 }
  } catch (error) {
    return { reason: error.code === 'ENOENT' ? 'there is no C compiler (cc)' : error.message }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
