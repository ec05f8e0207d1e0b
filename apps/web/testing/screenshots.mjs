/** Screenshots of the built page, for whoever works on its looks: `node testing/screenshots.mjs FOLDER`. */
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { defaultServerConditions, runnerImport } from 'vite'

const conditions = ['@guided-diffusion/source', ...defaultServerConditions]
const load = async (file) =>
  (
    await runnerImport(fileURLToPath(new URL(file, import.meta.url)), {
      configFile: false,
      logLevel: 'error',
      ssr: { resolve: { conditions }, noExternal: [/^@guided-diffusion/] },
    })
  ).module
const { finished, serveBuilt } = await load('./built-page.ts')
const { sampler } = await load('./controls.ts')
const { torchFile } = await load('./networks.ts')
const { browserForTests, launchBrowser } = await load('../../../tooling/browser/index.ts')

const folder = process.argv[2] ?? 'screenshots'
const only = process.argv[3] ?? ''
await mkdir(folder, { recursive: true })
const served = await serveBuilt()
const browser = await launchBrowser(browserForTests())
const sizes = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } }

/** Opens the page at a size and in a theme, and tells what goes wrong in it. */
async function open(size, colorScheme, hash = '') {
  const page = await browser.newPage({ viewport: sizes[size], colorScheme, reducedMotion: 'reduce' })
  page.on('pageerror', (error) => console.log('error:', error.stack))
  page.on('console', (message) => console.log('console:', message.text()))
  page.on(
    'response',
    (response) => response.status() >= 400 && console.log(response.status(), response.url()),
  )
  await page.goto(served.page + hash)
  return page
}

const shot = (page, name, options = {}) => page.screenshot({ path: `${folder}/${name}.png`, ...options })

/** Before, during and after sampling, and the whole page. */
async function course(size, theme) {
  const page = await open(size, theme)
  await shot(page, `${size}-${theme}-start`)
  await page.getByRole('button', { name: 'Sample', exact: true }).click()
  await page.locator('.instrument .progress', { hasText: /^Step 1\d of/ }).waitFor({ timeout: 100_000 })
  await shot(page, `${size}-${theme}-sampling`)
  console.log(size, theme, await finished(page))
  await shot(page, `${size}-${theme}-finished`)
  await shot(page, `${size}-${theme}-whole`, { fullPage: true })
  await page.close()
}

/** The grid and the easel, finished. */
async function figures(theme) {
  const page = await open('desktop', theme, '#figure=grid&steps=10')
  console.log('grid', await finished(page, 'grid'))
  await page.getByRole('button', { name: 'A bright band' }).click()
  await page.getByRole('button', { name: 'Sample with this wish' }).click()
  console.log('paint', await finished(page, 'paint'))
  await shot(page, `desktop-${theme}-figures`, { fullPage: true })
  await page.close()
}

/** A link to somebody else's file. */
async function failure(size, theme) {
  const page = await open(size, theme, '#model=file:mine.safetensors&zoom=3')
  await page.getByRole('alert').waitFor()
  await shot(page, `${size}-${theme}-error`)
  await page.close()
}

/** A file of tensors alone: what is asked about it, and its samples, which nothing guides. */
async function ownWeights(size, theme) {
  const page = await open(size, theme)
  await page.locator('input[type=file]').setInputFiles(torchFile)
  const alert = page.getByRole('alert')
  await alert.waitFor()
  await page.locator('#weights').scrollIntoViewIfNeeded()
  await shot(page, `${size}-${theme}-asks`)
  await alert.getByRole('combobox', { name: 'Image size' }).selectOption('16')
  await alert.getByRole('combobox', { name: 'Attention heads' }).selectOption('1 head')
  await alert.getByRole('button', { name: 'Try with these' }).click()
  await page.getByText('is ready').waitFor()
  await page.getByRole('button', { name: 'Sample', exact: true }).click()
  console.log('own weights', await finished(page))
  await shot(page, `${size}-${theme}-own`, { fullPage: true })
  await page.close()
}

/** A worker that ends while it samples. */
async function ended(size, theme) {
  const page = await open(size, theme)
  await page.getByRole('button', { name: 'Sample', exact: true }).click()
  await page.locator('.instrument .progress', { hasText: /^Step \d/ }).waitFor()
  await sampler(page).evaluate(() => {
    setTimeout(() => {
      throw new Error('it was ended for a picture')
    })
  })
  await page.getByRole('alert').waitFor()
  await shot(page, `${size}-${theme}-ended`)
  await page.close()
}

const all = {
  'desktop-light': () => course('desktop', 'light'),
  'phone-light': () => course('phone', 'light'),
  'phone-dark': () => course('phone', 'dark'),
  'desktop-dark': () => course('desktop', 'dark'),
  error: async () => {
    await failure('desktop', 'light')
    await failure('phone', 'dark')
  },
  figures: () => figures('light'),
  own: async () => {
    await ownWeights('desktop', 'light')
    await ownWeights('phone', 'dark')
  },
  ended: async () => {
    await ended('desktop', 'dark')
    await ended('phone', 'light')
  },
}
try {
  for (const [name, take] of Object.entries(all)) if (name.startsWith(only)) await take()
} finally {
  await browser.close()
  await served.close()
}
