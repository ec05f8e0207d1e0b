import { readFile } from 'node:fs/promises'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dropFile, reads } from '../testing/controls.ts'
import { torchFile } from '../testing/networks.ts'
import { browserPath, pagesForTests } from '../testing/pages.ts'

describe.skipIf(!browserPath)('the page, once it has sampled', () => {
  const pages = pagesForTests()
  let page: Page
  beforeAll(async () => {
    page = await pages.browser.newPage({
      viewport: { width: 1280, height: 900 },
      colorScheme: 'light',
      reducedMotion: 'reduce',
    })
    await page.addInitScript(() => {
      const shifts: number[] = []
      Object.assign(globalThis, { shifts })
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries())
          shifts.push((entry as PerformanceEntry & { value: number }).value)
      }).observe({ type: 'layout-shift', buffered: true })
    })
    await page.goto(`${pages.address}#steps=5&count=2&gamma=10`)
    await reads(page, /^5 steps in/)
  })
  afterAll(() => page?.close())

  test('nothing has moved', async () => {
    const shifts = await page.evaluate(() => (globalThis as unknown as { shifts: number[] }).shifts)
    expect(shifts.reduce((sum, value) => sum + value, 0)).toBeLessThan(0.01)
  })

  test('the keyboard goes through the controls from top to bottom, on a phone too', async () => {
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 900 })
      await page.waitForFunction(classesFollowSlider, width < 600)
      await page.locator('[name=sample]:checked').focus()
      const places: number[] = []
      for (let i = 0; i < 9; i++) {
        await page.keyboard.press('Tab')
        places.push(await page.evaluate(middleOfFocus))
      }
      expect(new Set(places).size).toBeGreaterThan(4)
      expect(places).toEqual(places.toSorted((a, b) => a - b))
    }
  })

  test('axe-core objects to nothing and all fits the screen, in both themes and at both sizes', async () => {
    // an alert and its form are part of the page too
    await dropFile(page, 'mine.pt', await readFile(torchFile))
    await page.getByRole('alert').waitFor()
    await page.evaluate(axe.source)
    for (const viewport of [
      { width: 1280, height: 900 },
      { width: 320, height: 640 },
    ]) {
      await page.setViewportSize(viewport)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        const { violations } = await page.evaluate(() =>
          (globalThis as unknown as { axe: typeof axe }).axe.run(),
        )
        expect(violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)])).toEqual([])
      }
      const width = await page.evaluate(() => document.documentElement.scrollWidth)
      expect(width).toBeLessThanOrEqual(viewport.width)
    }
  })
})

/** Whether the classes stand behind the slider in the document, as they do on phones, or before it. Runs in the page. */
function classesFollowSlider(follow: boolean): boolean {
  const [slider, classes] = ['#gamma', '#figure-pair .classes'].map((name) => document.querySelector(name))
  const place = slider?.compareDocumentPosition(classes as Element) ?? 0
  return Boolean(place & Node.DOCUMENT_POSITION_FOLLOWING) === follow
}

/** How far down the page the focused element stands. Runs in the page. */
function middleOfFocus(): number {
  const { top, height } = (document.activeElement as Element).getBoundingClientRect()
  return Math.round(scrollY + top + height / 2)
}
