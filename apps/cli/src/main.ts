#!/usr/bin/env node
import { Command } from 'commander'
import { convert } from './commands/convert.ts'
import { demo } from './commands/demo.ts'
import { doctor } from './commands/doctor.ts'
import { exportCommand } from './commands/export.ts'
import { info } from './commands/info.ts'
import { models } from './commands/models.ts'
import { nll } from './commands/nll.ts'
import { sample } from './commands/sample.ts'
import { train } from './commands/train.ts'
import { upsample } from './commands/upsample.ts'
import { reportError } from './report-error.ts'
import { packageVersion } from './version.ts'

const program = new Command('guided-diffusion')
  .description('Train, guide and sample diffusion models.')
  .version(await packageVersion(), '-V, --version', 'print the version')
  .option('--verbose', 'tell more: stack traces of errors, why an engine was not taken', false)
  .addCommand(demo)
  .addCommand(sample)
  .addCommand(upsample)
  .addCommand(train)
  .addCommand(models)
  .addCommand(info)
  .addCommand(convert)
  .addCommand(exportCommand)
  .addCommand(nll)
  .addCommand(doctor)

/** What commands made on their own do not inherit: global options in their help, faults in one line. */
function settle(command: Command, path: string): void {
  command.configureHelp({ showGlobalOptions: true }).configureOutput({
    outputError: (text, write) => {
      const fault = text
        .trim()
        .replace(/\s*\n\s*/g, ' ')
        .replace(/\.?$/, '.')
      write(`${fault} ${path} --help lists what there is.\n`)
    },
  })
  for (const child of command.commands) settle(child, `${path} ${child.name()}`)
}
settle(program, program.name())

// a reader that has seen enough, as head, is no fault
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

if (process.argv.length === 2) program.outputHelp()
else {
  try {
    await program.parseAsync()
  } catch (error) {
    reportError(error, program.opts<{ verbose: boolean }>().verbose)
  }
}
