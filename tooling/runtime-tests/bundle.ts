import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { build, type Rolldown } from 'vite'

/** A bundle for browsers, and what of Node it asked for on the way. */
export interface Bundle {
  readonly code: string
  /** `who → what` for each import of a module that only Node has. */
  readonly builtins: readonly string[]
}

/** Bundles a module's text with the packages of a folder as a browser gets it. */
export async function bundleForBrowser(folder: string, name: string, text: string): Promise<Bundle> {
  const entry = join(folder, `${name}.js`)
  const builtins: string[] = []
  const output = (await build({
    root: folder,
    configFile: false,
    logLevel: 'error',
    plugins: [
      {
        name: 'entry',
        enforce: 'pre',
        resolveId(id, importer) {
          if (id === entry) return id
          if (isBuiltin(id)) builtins.push(`${importer?.replace(`${folder}/node_modules/`, '')} → ${id}`)
          return null
        },
        load: (id) => (id === entry ? text : null),
      },
    ],
    build: {
      write: false,
      minify: false,
      modulePreload: false,
      target: 'es2022',
      rolldownOptions: { input: entry, output: { format: 'iife', codeSplitting: false } },
    },
  })) as Rolldown.RolldownOutput
  const code = output.output.flatMap((part) => (part.type === 'chunk' ? part.code : [])).join('\n')
  return { code, builtins }
}
