import { BackendUnavailableError } from './errors.ts'

/**
 * An optional package, or the reason why it can't be loaded.
 *
 * @param repair what to do where it is there but fails.
 * @throws BackendUnavailableError when the package is absent or fails while it loads.
 */
export async function loadPeer<T>(
  backend: string,
  name: string,
  load: () => Promise<T>,
  repair = `Install it again: npm install ${name}.`,
): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    const missing = (cause as { code?: string }).code?.endsWith('MODULE_NOT_FOUND') ?? false
    const reason = missing ? `${name} is not installed` : `${name} does not load (${firstLine(cause)})`
    const advice = missing ? `Install it beside @guided-diffusion/backends: npm install ${name}.` : repair
    throw new BackendUnavailableError({ backend, reason, advice, cause })
  }
}

const firstLine = (error: unknown) =>
  String((error as Error)?.message ?? error)
    .trim()
    .split('\n')[0]
