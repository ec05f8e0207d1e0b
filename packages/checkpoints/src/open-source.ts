import { openPath } from '#source'
import { SourceError } from './errors.ts'
import { openHttp } from './http-source.ts'
import { bytesSource, checkRange, type Source, type SourceOptions, type WeightsSource } from './source.ts'

/** Opens any source for random access. */
export async function openSource(source: WeightsSource, options: SourceOptions = {}): Promise<Source> {
  options.signal?.throwIfAborted()
  if (source instanceof Uint8Array) return bytesSource(source)
  if (source instanceof ArrayBuffer) return bytesSource(new Uint8Array(source))
  if (source instanceof Blob) return blobSource(source)
  const address = source instanceof URL ? source : urlOf(source)
  if (address?.protocol === 'http:' || address?.protocol === 'https:') return openHttp(address, options)
  if (address?.protocol === 'blob:' || address?.protocol === 'data:') return openHttp(address, options)
  if (address && address.protocol !== 'file:') {
    throw new SourceError({
      source: address.href,
      reason: `the protocol ${address.protocol} is not known`,
      advice: 'Give a path, a file: or http(s): address, a Blob or bytes.',
    })
  }
  return openPath(address ?? String(source), options)
}

/** A string with a scheme of two letters or more is an address; `C:\weights.pt` is a path. */
function urlOf(text: string): URL | undefined {
  return /^[a-z][a-z0-9+.-]+:/i.test(text) && URL.canParse(text) ? new URL(text) : undefined
}

/** A `Blob`, or the `File` of a page's picker. */
function blobSource(blob: Blob): Source {
  const name = 'name' in blob && typeof blob.name === 'string' ? blob.name : 'blob'
  return {
    name,
    size: blob.size,
    async read(start, end, signal) {
      signal?.throwIfAborted()
      checkRange(this, start, end)
      let bytes: Uint8Array
      try {
        bytes = new Uint8Array(await blob.slice(start, end).arrayBuffer())
      } catch (cause) {
        throw new SourceError({
          source: name,
          reason: 'the browser no longer gives access to it',
          advice: 'Pick the file again; it may have changed since.',
          cause,
        })
      }
      signal?.throwIfAborted()
      if (bytes.length !== end - start) checkRange({ name, size: start + bytes.length }, start, end)
      return bytes
    },
    async close() {},
  }
}
