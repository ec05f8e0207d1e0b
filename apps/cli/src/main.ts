#!/usr/bin/env node
import { Command } from 'commander'
import { demo } from './commands/demo.ts'
import { sample } from './commands/sample.ts'
import { train } from './commands/train.ts'
import { reportError } from './report-error.ts'

const program = new Command('guided-diffusion')
  .description('Train, guide and sample diffusion models.')
  .version('0.1.0')
  .option('--verbose', 'print stack traces of errors')
  .showHelpAfterError('(add --help for the options)')
  .addCommand(demo)
  .addCommand(sample)
  .addCommand(train)

try {
  await program.parseAsync()
} catch (error) {
  reportError(error, program.opts<{ verbose?: boolean }>().verbose ?? false)
}
