import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { withWorkersRepaired } from './wasm-workers.ts'

/** What the page of a minifier gives its workers: `a` is what the outer variable is called there. */
const minified = 'var WasmBackendModuleThreadedSimd = function(b){return a&&(b=a),Math.abs(b)}'

test('the factory runs without the variable that it lost', async () => {
  expect(() => runInNewContext(`${minified}; WasmBackendModuleThreadedSimd(-5)`)).toThrow('a is not defined')
  const blob = await withWorkersRepaired(async () => new Blob([minified], { type: 'text/javascript' }))
  expect(blob.type).toBe('text/javascript')
  expect(runInNewContext(`${await blob.text()}\n; WasmBackendModuleThreadedSimd(-5)`)).toBe(5)
})

test('other contents stay as they are, and Blob is put back', async () => {
  const original = globalThis.Blob
  const texts = await withWorkersRepaired(async () => {
    expect(globalThis.Blob).not.toBe(original)
    return Promise.all([new Blob(['a', new Uint8Array([98])]).text(), new Blob().text()])
  })
  expect(texts).toEqual(['ab', ''])
  expect(globalThis.Blob).toBe(original)
  await expect(withWorkersRepaired(() => Promise.reject(new Error('no start')))).rejects.toThrow('no start')
  expect(globalThis.Blob).toBe(original)
})
