import { readFile } from 'node:fs/promises'
import os from 'node:os'

/**
 * What decides how ONNX Runtime lays out weights for this machine's processor: its model, and its instruction sets where
 * the system tells them.
 */
export async function machineIdentity(): Promise<string> {
  const model = os.cpus()[0]?.model ?? ''
  const facts = await readFile('/proc/cpuinfo', 'utf8').catch(() => '')
  const sets = /^(?:flags|Features)\s*:(.*)$/m.exec(facts)?.[1]?.trim() ?? ''
  const named = process.env.PROCESSOR_IDENTIFIER ?? ''
  return [process.platform, process.arch, model, named, sets].join('\n')
}
