import { expect, test } from 'vitest'
import { precache } from './precache.ts'

/** The service worker of a build. */
function serviceWorkerOf(html: string): string {
  const script = (fileName: string, code: string) => ({ type: 'chunk', fileName, code })
  const bundle = {
    'service-worker.js': script('service-worker.js', "['__BUILD_VERSION__', '__BUILD_FILES__']"),
    'index.html': { type: 'asset', fileName: 'index.html', source: html },
    'assets/page-01234567.js': script('assets/page-01234567.js', 'start()'),
    'assets/page-01234567.js.map': { type: 'asset', fileName: 'assets/page-01234567.js.map', source: '{}' },
  }
  const { generateBundle } = precache()
  if (typeof generateBundle !== 'object') throw new Error('The plugin has no such hook.')
  const { handler } = generateBundle as unknown as { handler: (options: object, files: object) => void }
  handler({}, bundle)
  return bundle['service-worker.js'].code
}

test('the service worker knows the files of its build, and is another where only the page’s text is', () => {
  const before = serviceWorkerOf('<p>before')
  expect(before).toMatch(/^\['[0-9a-f]{12}', 'assets\/page-01234567\.js'\]$/)
  expect(serviceWorkerOf('<p>before')).toBe(before)
  expect(serviceWorkerOf('<p>after')).not.toBe(before)
})
