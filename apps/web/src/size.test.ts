import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'

const folder = fileURLToPath(new URL('../dist/', import.meta.url))

/** Addresses of scripts and styles that a file names itself: those that are loaded at once with it. */
async function loadedWith(name: string): Promise<string[]> {
  const text = await readFile(folder + name, 'utf8')
  const own = /(?:from|import)\s*["']\.\/([\w-]+\.js)["']/g
  return [...text.matchAll(own)].map(([, file]) => `assets/${file}`)
}

async function withImports(names: readonly string[]): Promise<Set<string>> {
  const all = new Set<string>()
  const queue = [...names]
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (all.has(name)) continue
    all.add(name)
    if (name.endsWith('.js')) queue.push(...(await loadedWith(name)))
  }
  return all
}

async function compressed(names: Iterable<string>): Promise<number> {
  let sum = 0
  for (const name of names) sum += gzipSync(await readFile(folder + name)).length
  return sum
}

test('the first load of code is small, and so is that of the worker without its engine', async () => {
  const html = await readFile(`${folder}index.html`, 'utf8')
  const named = [...html.matchAll(/(?:src|href)="\.\/(assets\/[\w-]+\.(?:js|css))"/g)].map(
    ([, name]) => name as string,
  )
  expect(named.length).toBeGreaterThan(1)
  const page = await compressed(['index.html', ...(await withImports(named))])
  const worker = (await readdir(`${folder}assets`)).filter((name) => /^worker-[\w-]+\.js$/.test(name))
  expect(worker).toHaveLength(1)
  const whole = page + (await compressed(await withImports(worker.map((name) => `assets/${name}`))))
  console.info(`first load, gzip: page ${page} bytes, with the worker ${whole} bytes`)
  expect(page).toBeLessThan(100_000)
  expect(whole).toBeLessThan(500_000)
})
