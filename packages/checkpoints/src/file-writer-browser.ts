import { WriteError } from './errors.ts'

/** A page has no file system. */
export async function writeFileBeside(path: string | URL): Promise<void> {
  throw new WriteError({
    path: String(path),
    reason: 'this runtime has no file system',
    advice: 'Take the bytes instead (writeSafetensors, writeNpz) and offer them as a download.',
  })
}
