/**
 * Loads all tensors of a large file and tells the most memory that it took: in this process, or in a page of Chromium
 * from its file picker or by ranges from a server. On Linux.
 *
 *   node tooling/published/memory.mjs FILE [--in node|picker|server]
 *
 * `packages/checkpoints` must be built. Memory is the peak resident set, less what was resident before the load; in a
 * browser of the page's own process. `--abort` stops at a third and tells what was read until then.
 */
import { createReadStream, readFileSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { in: { type: 'string', default: 'node' }, abort: { type: 'boolean', default: false } },
})
const [given] = positionals
if (!given || !['node', 'picker', 'server'].includes(options.in)) {
  console.error('node tooling/published/memory.mjs FILE [--in node|picker|server] [--abort]')
  process.exit(2)
}
const path = resolve(given)
const { size } = await stat(path)
const dist = fileURLToPath(new URL('../../packages/checkpoints/dist/', import.meta.url))
const fflate = createRequire(join(dist, 'index.js'))
  .resolve('fflate')
  .replace(/lib\W[^\\/]+$/, 'esm/browser.js')

const found = await (options.in === 'node' ? inNode() : inBrowser())
const { seconds, loaded, total, before, peak, tensors, bytes, error } = found
const grown = peak - before
console.log(
  `${basename(path)}, ${size} bytes, ${options.in}: ${tensors} tensors, ${bytes} bytes in ${seconds.toFixed(1)} s; ` +
    `progress told ${loaded} of ${total}; resident before ${gibi(before)}, at most ${gibi(peak)}: ` +
    `${(grown / size).toFixed(3)} times the file${error ? `; ended by ${error}` : ''}`,
)
process.exit(grown < 1.3 * size && (error !== undefined) === options.abort ? 0 : 1)

function gibi(amount) {
  return `${(amount / 2 ** 30).toFixed(2)} GiB`
}

/** Peak resident set of a process, in bytes. */
function peakOf(pid) {
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

async function inNode() {
  const { readWeights } = await import(join(dist, 'index.js'))
  const before = peakOf(process.pid)
  const outcome = await load(readWeights, path, options.abort)
  return { ...outcome, before, peak: peakOf(process.pid) }
}

/** Runs here and, as text, in the page. */
async function load(readWeights, source, abort) {
  const began = performance.now()
  const controller = new AbortController()
  const told = { loaded: 0, total: 0 }
  const facts = { tensors: 0, bytes: 0 }
  let error
  try {
    const weights = await readWeights(source, {
      signal: controller.signal,
      onProgress: ({ loaded, total }) => {
        Object.assign(told, { loaded, total })
        if (abort && loaded > total / 3) controller.abort()
      },
    })
    facts.tensors = weights.tensors.size
    for (const { data } of weights.tensors.values()) facts.bytes += data.byteLength
  } catch (reason) {
    error = String(reason?.name ?? reason)
  }
  return { ...told, ...facts, ...(error ? { error } : {}), seconds: (performance.now() - began) / 1000 }
}

async function inBrowser() {
  const { chromium } = createRequire(new URL('../browser/package.json', import.meta.url))('playwright-core')
  const imports = {
    '#source': '/dist/source-browser.js',
    '#file-writer': '/dist/file-writer-browser.js',
    fflate: '/dist/fflate.js',
  }
  const html = `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>
<input type="file"><script type="module">
import { readWeights } from '/dist/index.js'
${load}
globalThis.run = (source, abort) => load(readWeights, source, abort)
</script>`
  const server = createServer((request, response) => void answer(request, response, html))
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
  const address = `http://127.0.0.1:${server.address().port}/`
  const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  try {
    const page = await browser.newPage()
    await page.goto(address)
    await page.waitForFunction(() => globalThis.run)
    if (options.in === 'picker') await page.locator('input').setInputFiles(path)
    const session = await browser.newBrowserCDPSession()
    const { processInfo } = await session.send('SystemInfo.getProcessInfo')
    const pids = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
    const all = () => Math.max(...pids.map(peakOf))
    const before = all()
    const outcome = await page.evaluate(
      ({ picked, abort }) =>
        globalThis.run(picked ? document.querySelector('input').files[0] : '/file', abort),
      { picked: options.in === 'picker', abort: options.abort },
    )
    return { ...outcome, before, peak: all() }
  } finally {
    await browser.close()
    server.closeAllConnections()
    server.close()
  }
}

/** The page, the built package, and the file by ranges. */
async function answer(request, response, html) {
  const { pathname } = new URL(request.url, 'http://localhost')
  if (pathname === '/') return response.setHeader('content-type', 'text/html').end(html)
  if (pathname === '/file') {
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
    const [start, end] = [Number(from), Math.min(Number(to), size - 1)]
    response.writeHead(206, {
      'content-range': `bytes ${start}-${end}/${size}`,
      'content-length': end + 1 - start,
    })
    return createReadStream(path, { start, end }).pipe(response)
  }
  if (!/^\/dist\/[\w-]+\.js$/.test(pathname)) return response.writeHead(404).end()
  const script = pathname === '/dist/fflate.js' ? fflate : join(dist, basename(pathname))
  response.setHeader('content-type', 'text/javascript').end(await readFile(script))
}
