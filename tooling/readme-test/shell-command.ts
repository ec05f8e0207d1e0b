/** Words of one command in a shell snippet. */
export type ShellCommand = readonly string[]

/** The commands of a snippet: without comments, prompts, variables set before them, pipes and redirections. */
export function shellCommands(snippet: string): ShellCommand[] {
  return snippet
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .flatMap((line) => line.replace(/^\s*\$ /, '').split(/&&|\|\||[;|]/))
    .map((text) => words(text.replace(/(^|\s)#.*$/, '')))
    .map((command) => command.slice(command.findIndex((word) => !/^[A-Z_]+=/.test(word))))
    .filter((command) => command.length > 0)
}

function words(text: string): string[] {
  return (text.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^(["'])(.*)\1$/, '$2'))
}

/** What a command is checked against. */
export interface Workspace {
  /** Names of the scripts in the root. */
  readonly scripts: ReadonlySet<string>
  /** Names of the scripts of a package, by its name with or without the scope; none where there is no such package. */
  scriptsOf(name: string): ReadonlySet<string>
  /** Names of the packages that are published. */
  readonly packages: ReadonlySet<string>
  exists(path: string): boolean
  /** What `--help` of a subcommand of the command-line program prints. */
  help(subcommands: readonly string[]): string
}

const managers = new Set(['pnpm', 'npm', 'npx', 'yarn'])
const ofManagers = new Set([
  'install',
  'i',
  'add',
  'exec',
  'rebuild',
  'ci',
  'init',
  'create',
  'dlx',
  'pack',
  'publish',
])
const program = 'guided-diffusion'

/** What is wrong with a command: an unknown script, package, file, subcommand or option. */
export function commandFault(command: ShellCommand, workspace: Workspace): string | undefined {
  const [first = '', ...rest] = command
  if (first === program) return programFault(rest, workspace)
  if (first === 'node') return rest[0] && !rest[0].startsWith('-') ? fileFault(rest[0], workspace) : undefined
  if (first.startsWith('./')) return fileFault(first, workspace)
  return managers.has(first) ? managerFault(rest, workspace) : undefined
}

function managerFault(args: readonly string[], workspace: Workspace): string | undefined {
  if (args[0] === '--filter') {
    const [, filter = '', script = ''] = args.filter((word) => word !== 'run')
    return workspace.scriptsOf(filter).has(script) ? undefined : `${filter} has no script ${script}`
  }
  const [name, ...rest] = args.filter(
    (word) => !/^(--yes|-y|--silent|--prefer-offline|run|--global|-g|-D)$/.test(word),
  )
  if (name === undefined) return undefined
  if (name === program || name === '@guided-diffusion/cli') return programFault(rest, workspace)
  if (name === 'pnpm' || name.startsWith('pnpm@')) return managerFault(rest, workspace)
  if (ofManagers.has(name)) {
    const missing = rest.find(
      (word) => word.startsWith('@guided-diffusion/') && !workspace.packages.has(word),
    )
    return missing && `there is no package ${missing}`
  }
  return workspace.scripts.has(name) ? undefined : `there is no script ${name}`
}

function fileFault(path: string, { exists }: Workspace): string | undefined {
  return exists(path) ? undefined : `there is no file ${path}`
}

function programFault(args: readonly string[], workspace: Workspace): string | undefined {
  const path: string[] = []
  let help = workspace.help(path)
  for (const word of args) {
    const known = subcommands(help)
    if (word.startsWith('-') || known.size === 0) break
    if (!known.has(word)) return `${[program, ...path].join(' ')} has no subcommand ${word}`
    path.push(word)
    help = workspace.help(path)
  }
  const option = args
    .filter((word) => word.startsWith('--') && word !== '--' && word !== '--help')
    .map((word) => word.split('=')[0] as string)
    .find((word) => !new RegExp(`(^|[\\s,])${word}\\b(?!-)`).test(help))
  return option && `${[program, ...path].join(' ')} has no option ${option}`
}

/** Names under "Commands:" in a help text; an empty line ends them. */
function subcommands(help: string): ReadonlySet<string> {
  const list = /^Commands:\n((?:.+\n)*)/m.exec(help)?.[1] ?? ''
  return new Set([...list.matchAll(/^ {2}(\S+)/gm)].map((found) => found[1] as string))
}
