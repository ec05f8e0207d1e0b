import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { type FencedBlock, fencedBlocks } from './fenced-block.ts'
import { commandFault, shellCommands, type Workspace } from './shell-command.ts'
import { compile } from './type-check.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
/** Inside this package, so that imports are resolved as in a project that has installed the packages. */
const folder = fileURLToPath(new URL('./dist/', import.meta.url))

interface Readme {
  /** Relative to the root. */
  readonly path: string
  readonly blocks: readonly FencedBlock[]
}

const inFolders = (group: string) => readdirSync(join(root, group)).map((name) => `${group}/${name}`)
const workspacePackages = [...inFolders('packages'), ...inFolders('apps')].filter((path) =>
  existsSync(join(root, path, 'package.json')),
)
const texts = [
  ...readdirSync(root),
  ...(existsSync(join(root, 'docs')) ? inFolders('docs') : []),
  ...workspacePackages.map((path) => `${path}/README.md`),
].filter((path) => path.endsWith('.md') && existsSync(join(root, path)))
const readmes: Readme[] = texts.map((path) => ({
  path,
  blocks: fencedBlocks(readFileSync(join(root, path), 'utf8')),
}))

const isTypeScript = ({ language }: FencedBlock) => language === 'ts' || language === 'typescript'
const isShell = ({ language }: FencedBlock) => ['sh', 'bash', 'shell', 'console'].includes(language)

const examples = readmes.flatMap(({ path, blocks }) =>
  blocks.filter(isTypeScript).map((block) => ({
    ...block,
    at: `${path}:${block.line}`,
    source: join(folder, `${path.replace(/\W+/g, '-')}-${block.line}.ts`),
  })),
)

describe('TypeScript in the documents', () => {
  let faults: ReadonlyMap<string, readonly string[]>

  beforeAll(async () => {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
    faults = await compile(new Map(examples.map(({ source, text }) => [source, text])))
  })

  test.each(examples)('$at passes the type checker', ({ source }) => {
    expect(faults.get(source)).toEqual([])
  })

  test.each(examples.filter(({ notRun }) => notRun === undefined))(
    '$at runs, and prints',
    async ({ source }) => {
      const { stdout } = await run(process.execPath, [source.replace(/\.ts$/, '.js')], { cwd: folder })
      expect(stdout).not.toBe('')
    },
  )

  test.each(workspacePackages.filter((path) => path.startsWith('packages/')))(
    '%s shows a runnable example',
    (path) => {
      const own = examples.filter(({ at, notRun }) => at.startsWith(`${path}/README.md:`) && !notRun)
      expect(own.length).toBeGreaterThan(0)
    },
  )
})

describe('commands in the documents', () => {
  const helps = new Map<string, string>()
  const workspace: Workspace = {
    scripts: new Set(Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts)),
    scriptsOf: (name) => {
      const manifests = workspacePackages.map((path) =>
        JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')),
      )
      const found = manifests.find((each) => each.name === name || each.name === `@guided-diffusion/${name}`)
      return new Set(Object.keys(found?.scripts ?? {}))
    },
    packages: new Set(
      workspacePackages.map(
        (path) => JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')).name,
      ),
    ),
    exists: (path) => existsSync(join(root, path)),
    help: (subcommands) => {
      const key = subcommands.join(' ')
      const program = join(root, 'apps/cli/dist/main.js')
      const known =
        helps.get(key) ?? execFileSync(process.execPath, [program, ...subcommands, '--help']).toString()
      helps.set(key, known)
      return known
    },
  }
  const commands = readmes.flatMap(({ path, blocks }) =>
    blocks
      .filter(isShell)
      .flatMap(({ text, line }) => shellCommands(text).map((words) => ({ at: `${path}:${line}`, words }))),
  )

  test('there are some', () => expect(commands.length).toBeGreaterThan(0))

  test.each(commands)('$at: $words', ({ words }) => {
    expect(commandFault(words, workspace)).toBeUndefined()
  })

  test.each([
    ['pnpm guided-diffusion paint --scale 4', 'guided-diffusion has no subcommand paint'],
    [
      'guided-diffusion train denoiser --steps 10 --speed 9',
      'guided-diffusion train denoiser has no option --speed',
    ],
    ['npm run fly', 'there is no script fly'],
    ['pnpm --filter web fly', 'web has no script fly'],
    [
      'npm install @guided-diffusion/models @guided-diffusion/nothing',
      'there is no package @guided-diffusion/nothing',
    ],
    ['node tooling/nothing.mjs', 'there is no file tooling/nothing.mjs'],
    ['npm start', undefined],
    ['guided-diffusion train denoiser --data x --steps 10 # a comment --speed', undefined],
  ])('%s → %s', (text, fault) => {
    expect(shellCommands(text).map((words) => commandFault(words, workspace))).toEqual([fault])
  })
})

describe('reading a document', () => {
  test('blocks, their lines, and why one is not run', () => {
    const text = [
      '# T',
      '```ts',
      'a',
      '```',
      '',
      '<!-- not run: needs a GPU -->',
      '',
      '````ts x',
      '```',
      '````',
      'b',
      '~~~sh',
      '~~~',
    ]
    expect(fencedBlocks(text.join('\n'))).toEqual([
      { language: 'ts', text: 'a', line: 3 },
      { language: 'ts', text: '```', line: 9, notRun: 'needs a GPU' },
      { language: 'sh', text: '', line: 13 },
    ])
  })

  test('commands, without prompts, variables and comments', () => {
    expect(shellCommands('$ A=1 pnpm x "a b" \\\n  -y # c\nls | wc; cd d && npm test')).toEqual([
      ['pnpm', 'x', 'a b', '-y'],
      ['ls'],
      ['wc'],
      ['cd', 'd'],
      ['npm', 'test'],
    ])
  })
})
