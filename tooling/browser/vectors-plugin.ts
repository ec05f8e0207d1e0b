import { readFile } from 'node:fs/promises'
import type { Plugin } from 'vite'
// @boundaries-ignore the source itself, bundled into the page
import { folderFiles } from '../golden/folder-files.ts'

/** Serves a folder as it is under `/vectors/`, and its list of files as `/vectors/`: Vite itself unpacks some. */
export function vectorsPlugin(folder: string): Plugin {
  return {
    name: 'vectors',
    configureServer(server) {
      server.middlewares.use('/vectors/', async (request, response) => {
        const files = await folderFiles(folder)
        const name = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname.slice(1))
        if (name === '') response.end(JSON.stringify(files.names))
        else if (files.names.includes(name)) response.end(await readFile(files.place(name)))
        else response.writeHead(404).end()
      })
    },
  }
}
