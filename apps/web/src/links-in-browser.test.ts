import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { answering } from '../testing/answering.ts'
import { greyValues } from '../testing/built-page.ts'
import { dropFile, reads, says } from '../testing/controls.ts'
import { farthest, sampledTorchFile, torchFile } from '../testing/networks.ts'
import { browserPath, pagesForTests } from '../testing/pages.ts'
import { emptyWish, painted } from './wish.ts'
import { encodeWish } from './wish-code.ts'

describe.skipIf(!browserPath)('a link', () => {
  const pages = pagesForTests()

  test('that is opened in a page leads there, and back', async () => {
    await pages.withPage('#steps=5', async (page) => {
      await reads(page, /^5 steps in/)
      const before = await greyValues(page, /guided towards sneaker, after step 5/)
      await page.evaluate(() => {
        location.hash = 'class=8&steps=10'
      })
      await reads(page, /^10 steps in/)
      await page.getByRole('img', { name: /guided towards bag, after step 10/ }).waitFor()
      await page.goBack()
      await reads(page, /^5 steps in/)
      expect(farthest(await greyValues(page, /guided towards sneaker, after step 5/), before)).toBeLessThan(2)
    })
  })

  test('to what the model cannot make is told as that, and the keyboard goes on from there', async () => {
    await pages.withPage('#class=42&steps=5', async (page) => {
      const alert = page.getByRole('alert')
      await alert.getByText('There is no class 42: Fashion-MNIST knows 10, counted from 0.').waitFor()
      await alert.getByRole('button', { name: 'Try again' }).press('Enter')
      await reads(page, /^5 steps in/)
      await page.getByRole('img', { name: /guided towards t-shirt, after step 5/ }).waitFor()
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Sample')
    })
    const wish = encodeWish(painted(emptyWish([16, 16, 1]), 'bright', { x: 8, y: 8, radius: 3 }))
    await pages.withPage(`#figure=paint&steps=5&wish=${wish}`, async (page) => {
      await page
        .getByRole('alert')
        .getByText('What was painted is for pictures of 16 × 16 × 1, and Fashion-MNIST makes 28 × 28 × 1.')
        .waitFor()
    })
  })

  test('to weights on somebody else’s device asks for them', async () => {
    await pages.withPage('#model=file:mine.safetensors&steps=5', async (page) => {
      const alert = page.getByRole('alert')
      await alert.waitFor()
      expect(await alert.innerText()).toContain('mine.safetensors')
      await alert.getByRole('button', { name: 'Use the built-in model' }).click()
      await reads(page, /^5 steps in/)
    })
  })

  test('is sampled as it says once such a file is dropped', async () => {
    const expected = await sampledTorchFile(5)
    await pages.withPage('#model=file:mine.pt&trained=16,1,legacy,cosine&steps=5', async (page) => {
      await page.getByRole('alert').getByText('mine.pt is a file on the device').waitFor()
      await dropFile(page, 'mine.pt', await readFile(torchFile))
      await says(page, 'mine.pt is ready.')
      await reads(page, /^5 steps in/)
      const red = expected.filter((_, i) => i % 3 === 0)
      expect(farthest(await greyValues(page, /unguided, after step 5/), red)).toBeLessThan(3)
    })
  })

  test('that failed is tried again with the γ that it says for each step', async () => {
    const bytes = await readFile(torchFile)
    let asked = 0
    const server = await answering((_, response) => {
      asked++
      response.writeHead(asked === 1 ? 503 : 200).end(asked === 1 ? '' : bytes)
    })
    const link = `#model=${server.address}mine.pt&trained=16,1,legacy,cosine&gamma=4,3:9&steps=5`
    await pages.withPage(link, async (page) => {
      const alert = page.getByRole('alert')
      await alert.getByText('the server answers 503').waitFor()
      await alert.getByRole('button', { name: 'Try again' }).click()
      await reads(page, /^5 steps in/)
      await page.getByRole('button', { name: 'Copy link' }).first().click()
      expect(page.url()).toContain('gamma=4,3:9&')
    })
    server.close()
  })
})
