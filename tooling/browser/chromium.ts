import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

/** Where Chromium and Chrome are installed. `CHROMIUM_PATH` names another. */
const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

/** Headless, quiet, and with WebGPU on a graphics card made of software. */
const options = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
]

/**
 * Path of a browser for tests, or nothing where there is none: then their suites are skipped, and one line says so. Where
 * everything must run (`CI=true`) that is an error.
 */
export function browserForTests(): string | undefined {
  const path = process.env.CHROMIUM_PATH ?? places.find((place) => existsSync(place))
  if (path !== undefined && existsSync(path)) return path
  const found =
    path === undefined ? 'No Chromium or Chrome found' : `CHROMIUM_PATH is ${path}, where nothing lies`
  const message = `${found}. Install one (Debian: pnpm provision:browser as root) or set CHROMIUM_PATH.`
  if (process.env.CI) throw new Error(message)
  console.warn(`\n!! TESTS IN A BROWSER ARE SKIPPED. ${message}\n`)
  return undefined
}

/** Milliseconds that a page is waited for: what is stuck ends, and a slow machine is no failure. */
export const patience = 120_000

/** Starts the browser. Close it when done. */
export function launchBrowser(path: string): Promise<Browser> {
  return chromium.launch({ executablePath: path, args: options })
}

/**
 * Starts the browser with a folder of its own for what it keeps, as a visitor's has: `launchBrowser` keeps everything in
 * memory, as private windows do. Close it when done.
 */
export function launchWithProfile(path: string, folder: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, { executablePath: path, args: options })
}

/** A page, and what went wrong in it. */
export interface WatchedPage {
  readonly page: Page
  /** Errors that nobody caught, errors on the console, and addresses that answered with one: as they come. */
  readonly problems: readonly string[]
}

/** Opens an address. */
export async function openPage(browser: Browser | BrowserContext, address: string): Promise<WatchedPage> {
  const page = await browser.newPage()
  page.setDefaultTimeout(patience)
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(String(error.stack ?? error)))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  page.on('response', (response) => {
    if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`)
  })
  await page.goto(address)
  return { page, problems }
}
