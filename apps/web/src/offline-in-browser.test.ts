import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { patience } from '@guided-diffusion/browser'
import type { BrowserContext, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { buildFile, prepend, type ServedBuild, serveBuilt } from '../testing/built-page.ts'
import { chooseEngine, reads, sample } from '../testing/controls.ts'
import { browserPath, pagesForTests } from '../testing/pages.ts'

/** Names of the engines' files that the service worker keeps. Runs in the page. */
const keptEngines = async () => {
  const names = (await caches.keys()).filter((name) => name.startsWith('guided-diffusion-page-'))
  const kept = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()))
  return kept.flat().flatMap(({ url }) => (url.endsWith('.wasm') ? [url.split('/').at(-1) as string] : []))
}

describe.skipIf(!browserPath)('the service worker', () => {
  const pages = pagesForTests()

  /** A visitor of a copy of the build, on a host that sends no headers. */
  async function visit(
    action: (served: ServedBuild, context: BrowserContext, page: Page) => Promise<void>,
  ): Promise<void> {
    const served = await serveBuilt({ isolated: false })
    const context = await pages.browser.newContext()
    context.setDefaultTimeout(patience)
    try {
      await action(served, context, await context.newPage())
    } finally {
      await context.close()
      await served.close().catch(() => undefined)
    }
  }

  test('keeps all that a first visit by a link used', async () => {
    await visit(async (served, _, page) => {
      await page.goto(`${served.page}#steps=5`)
      await reads(page, /^5 steps in/)
      // with threads too, which the next visit has
      await expect.poll(() => page.evaluate(keptEngines), { timeout: patience }).toHaveLength(2)
      await served.close()
      await page.reload()
      await reads(page, /^5 steps in/)
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
    })
  })

  test('hands files on that it has no room for', async () => {
    await visit(async (served, _, page) => {
      await prepend(await buildFile(served, /^service-worker/), `(${denyEngines})()`)
      await page.goto(served.page)
      await underServiceWorker(page)
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      expect(await page.evaluate(keptEngines)).toEqual([])
    })
  })

  test('is not installed with the page of another build', async () => {
    await visit(async (served, _, page) => {
      const html = join(served.files, 'index.html')
      const text = await readFile(html, 'utf8')
      await writeFile(html, text.replace(/page-[\w-]{8}\.js/, 'page-01234567.js'))
      await page.goto(await besideOf(served))
      expect(await page.evaluate(install)).toBe('redundant')
      await writeFile(html, text)
      expect(await page.evaluate(install)).toMatch(/^installed|^activat/)
    })
  })

  test('leaves a page of the build before what it needs, and takes over once that is closed', async () => {
    await visit(async (served, context, before) => {
      await before.goto(served.page)
      await underServiceWorker(before)
      await sample(before, 5)
      await reads(before, /^5 steps in/)
      await deployAnother(served)
      expect(await before.evaluate(update)).toBe('installed')
      // ONNX Runtime’s script, which the server has no more
      await chooseEngine(before, 'onnx-wasm')
      await sample(before, 10)
      await reads(before, /^10 steps in/)

      const beside = await context.newPage()
      await beside.goto(await besideOf(served))
      await before.close()
      await beside.waitForFunction(async () => {
        const { active, waiting } = (await navigator.serviceWorker.getRegistration('./page/')) ?? {}
        return active?.state === 'activated' && !waiting && (await caches.keys()).length === 2
      })

      // the engines are the same files
      await served.close()
      const after = await context.newPage()
      await after.goto(served.page)
      expect(await after.title()).toBe('Another build')
      await sample(after, 5)
      await reads(after, /^5 steps in/)
    })
  })
})

const underServiceWorker = (page: Page) => page.waitForFunction(() => navigator.serviceWorker.controller)

/** A disk with no room for engines. Runs in the service worker. */
function denyEngines() {
  const put = Cache.prototype.put
  Cache.prototype.put = function (request, response) {
    const full = String(request).endsWith('.wasm')
    return full
      ? Promise.reject(new DOMException('', 'QuotaExceededError'))
      : put.call(this, request, response)
  }
}

/** Address of a page on the same host that is not under the service worker. */
async function besideOf({ files, page }: ServedBuild): Promise<string> {
  await writeFile(join(files, '../beside.html'), '<!doctype html>')
  return new URL('../beside.html', page).href
}

/** Has the browser install a service worker; how that ended. Runs in the page beside. */
async function install(): Promise<string> {
  const { installing } = await navigator.serviceWorker.register('./page/service-worker.js', {
    scope: './page/',
  })
  while (installing?.state === 'installing')
    await new Promise((resolve) => installing.addEventListener('statechange', resolve, { once: true }))
  return installing?.state ?? 'none'
}

/** Has the browser look for another service worker; how far that came at once. Runs in the page. */
async function update(): Promise<string> {
  const registration = await navigator.serviceWorker.ready
  await registration.update()
  const next = registration.installing ?? registration.waiting
  while (next?.state === 'installing')
    await new Promise((resolve) => next.addEventListener('statechange', resolve, { once: true }))
  return next?.state ?? 'none'
}

/** Changes a served build into another: its scripts and styles have other names, and those before are gone. */
async function deployAnother({ files }: ServedBuild): Promise<void> {
  const assets = await readdir(join(files, 'assets'))
  const hashes = assets.flatMap((name) => /-([\w-]{8})\.(?:js|css)$/.exec(name)?.[1] ?? [])
  const renamed = (text: string) =>
    hashes.reduce((all, hash) => all.replaceAll(hash, [...hash].reverse().join('')), text)
  const texts = ['index.html', 'service-worker.js', ...assets.map((name) => `assets/${name}`)].filter(
    (name) => /\.(html|js|css)$/.test(name),
  )
  for (const name of texts) {
    const before = renamed(await readFile(join(files, name), 'utf8'))
    const text =
      name === 'service-worker.js'
        ? before.replace(/\b[0-9a-f]{12}\b/, '000000000000')
        : before.replace(/<title>.*<\/title>/, '<title>Another build</title>')
    await writeFile(join(files, name), text)
    if (renamed(name) !== name) await rename(join(files, name), join(files, renamed(name)))
  }
}
