import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/**
 * Tools that come as one package a platform. A registry that lags behind on some of them gives a lockfile without
 * those, and then the tool is missing on the machines of other people only.
 */
const tools: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  turbo: {
    'darwin-arm64': '@turbo/darwin-arm64',
    'darwin-x64': '@turbo/darwin-64',
    'linux-arm64': '@turbo/linux-arm64',
    'linux-x64': '@turbo/linux-64',
    'win32-x64': '@turbo/windows-64',
  },
  '@biomejs/biome': {
    'darwin-arm64': '@biomejs/cli-darwin-arm64',
    'darwin-x64': '@biomejs/cli-darwin-x64',
    'linux-arm64': '@biomejs/cli-linux-arm64',
    'linux-x64': '@biomejs/cli-linux-x64',
    'win32-x64': '@biomejs/cli-win32-x64',
  },
  rolldown: {
    'darwin-arm64': '@rolldown/binding-darwin-arm64',
    'darwin-x64': '@rolldown/binding-darwin-x64',
    'linux-arm64': '@rolldown/binding-linux-arm64-gnu',
    'linux-x64': '@rolldown/binding-linux-x64-gnu',
    'win32-x64': '@rolldown/binding-win32-x64-msvc',
  },
  sharp: {
    'darwin-arm64': '@img/sharp-darwin-arm64',
    'darwin-x64': '@img/sharp-darwin-x64',
    'linux-arm64': '@img/sharp-linux-arm64',
    'linux-x64': '@img/sharp-linux-x64',
    'win32-x64': '@img/sharp-win32-x64',
  },
  lightningcss: {
    'darwin-arm64': 'lightningcss-darwin-arm64',
    'darwin-x64': 'lightningcss-darwin-x64',
    'linux-arm64': 'lightningcss-linux-arm64-gnu',
    'linux-x64': 'lightningcss-linux-x64-gnu',
    'win32-x64': 'lightningcss-win32-x64-msvc',
  },
}

const lockfile = readFileSync(new URL('../pnpm-lock.yaml', import.meta.url), 'utf8')

/** Versions of a package that the lockfile resolves. */
function versions(name: string): string[] {
  const escaped = name.replace(/[/.]/g, '\\$&')
  const found = lockfile.matchAll(new RegExp(`^ {2}'?${escaped}@(\\d[^:'(]*)'?:$`, 'gm'))
  return [...new Set([...found].map((match) => match[1] as string))].sort()
}

const platforms = Object.entries(tools).flatMap(([tool, packages]) =>
  Object.entries(packages).map(([platform, name]) => ({ tool, platform, name })),
)

test.each(platforms)('$tool runs on $platform', ({ tool, name }) => {
  expect(versions(tool)).not.toEqual([])
  expect(versions(name)).toEqual(versions(tool))
})

test('everything comes from whatever registry is configured', () => {
  expect(lockfile).not.toMatch(/tarball:|https?:\/\//)
})
