import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { failure, program, spawnedProgram } from '../testing/program.ts'

/** Names under "Commands:" in a help text, up to the empty line that ends the list. */
const subcommands = (help: string) =>
  [...(help.split(/^Commands:$/m)[1]?.split('\n\n')[0] ?? '').matchAll(/^ {2}([a-z-]+)/gm)]
    .map(([, name]) => name as string)
    .filter((name) => name !== 'help')

/** Each command with its help, those below others included. */
async function allHelps(path: readonly string[] = []): Promise<Map<string, string>> {
  const { code, stdout, stderr } = await program([...path, '--help'])
  expect([code, stderr]).toEqual([0, ''])
  if (path.length > 2) throw new Error(`There is no command this deep: ${path.join(' ')}`)
  const below = await Promise.all(subcommands(stdout).map((name) => allHelps([...path, name])))
  return new Map([[path.join(' '), stdout], ...below.flatMap((each) => [...each])])
}

const helps = await allHelps()

describe('help', () => {
  test('without arguments the program prints what it can do', async () => {
    expect(await program([])).toEqual({ code: 0, stdout: helps.get(''), stderr: '' })
  })

  test.each(['', '--version', 'train', 'sample --help', 'smaple', 'sample --eta 2', 'info nothing.pt'])(
    'a process of its own gives the same: %s',
    async (line) => {
      const args = line.split(' ').filter(Boolean)
      expect(await program(args)).toEqual(await spawnedProgram(args))
    },
  )

  test('there is a help for each command, those of train included', () => {
    const expected = ['demo', 'doctor', 'info', 'sample', 'train', 'train classifier', 'train denoiser']
    expect([...helps.keys()]).toEqual(expect.arrayContaining(expected))
  })

  // those that only hold others may leave examples to them
  const last = [...helps].filter(([, help]) => subcommands(help).length === 0).map(([name]) => name)
  test.each(['train', ...last])('%s shows examples, of options and commands that there are', (name) => {
    const examples = (helps.get(name)?.split('Examples:\n')[1] ?? '').trim().split('\n')
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) {
      const words = example.trim().split(/\s+/)
      expect(words[0]).toBe('guided-diffusion')
      const command = [...helps.keys()].filter((known) =>
        ` ${words.slice(1).join(' ')} `.startsWith(` ${known} `),
      )
      const help = helps.get(command.sort((a, b) => b.length - a.length)[0] ?? '') ?? ''
      const unknown = words.filter((word) => word.startsWith('--') && !help.includes(`  ${word} `))
      expect({ example, unknown }).toEqual({ example, unknown: [] })
    }
  })

  test('every command tells of the options of the program', () => {
    for (const [name, help] of helps)
      expect([name, help]).toEqual([name, expect.stringContaining('--verbose')])
  })
})

test('the version is that of the package', async () => {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  for (const flag of ['-V', '--version'])
    expect(await program([flag])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

describe('a line that cannot be understood', () => {
  test.each([
    [
      'smaple',
      "error: unknown command 'smaple' (Did you mean sample?). guided-diffusion --help lists what there is.",
    ],
    [
      'train upscaler',
      "error: unknown command 'upscaler'. guided-diffusion train --help lists what there is.",
    ],
    [
      'sample --speed 3',
      "error: unknown option '--speed' (Did you mean --seed?). guided-diffusion sample --help lists what there is.",
    ],
    [
      'sample --steps some',
      "error: option '--steps <number>' argument 'some' is invalid. Expected a whole number of 1 or more. guided-diffusion sample --help lists what there is.",
    ],
    [
      'sample --eta 2',
      "error: option '--eta <number>' argument '2' is invalid. Expected a number from 0 to 1. guided-diffusion sample --help lists what there is.",
    ],
    [
      'sample --steps 3 --respacing 3',
      "error: option '--respacing <list>' cannot be used with option '--steps <number>'. guided-diffusion sample --help lists what there is.",
    ],
    ['info', "error: missing required argument 'file'. guided-diffusion info --help lists what there is."],
  ])('%s', async (line, expected) => {
    expect(await failure(line.split(' '))).toBe(expected)
  })
})

test('--verbose adds where an error comes from', async () => {
  const { code, stderr } = await program(['info', 'nothing.pt', '--verbose'])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^SourceError: .*\n\s+at /)
  expect(stderr).toMatch(
    /\nerror: .*nothing\.pt cannot be read: there is no such file\. Check the path and its permissions\.\n$/,
  )
})
