import { createHash } from 'node:crypto'
import type { Plugin } from 'vite'

/** In the service worker's source, where the names of the build's files and the hash of their contents go. */
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
        const built = Object.values(bundle)
          .filter(({ fileName }) => !fileName.endsWith('.map'))
          .sort((a, b) => (a.fileName < b.fileName ? -1 : 1))
        const hash = createHash('sha256')
        for (const file of built)
          hash.update(`${file.fileName}\n`).update(file.type === 'chunk' ? file.code : file.source)
        // the page itself is kept under the address of its folder
        const names = built
          .map(({ fileName }) => fileName)
          .filter((name) => name !== 'service-worker.js' && name !== 'index.html')
        worker.code = worker.code
          .replace(files, names.join())
          .replace(version, hash.digest('hex').slice(0, 12))
      },
    },
  }
}
