import { createHash } from 'node:crypto'
import type { Plugin } from 'vite'

/** In the service worker's source, where the build's files and their common hash go. */
const files = '__BUILD_FILES__'
const version = '__BUILD_VERSION__'

/** Tells the service worker the names of all files of the build, so that the page can be loaded offline. */
export function precache(): Plugin {
  return {
    name: 'precache',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const worker = bundle['service-worker.js']
        if (worker?.type !== 'chunk') this.error('The build has no service-worker.js.')
        const names = Object.keys(bundle)
          .filter((name) => name !== 'service-worker.js' && !name.endsWith('.map'))
          .sort()
        const hash = createHash('sha256').update(names.join()).digest('hex').slice(0, 12)
        worker.code = worker.code.replace(files, names.join()).replace(version, hash)
      },
    },
  }
}
