import os from 'node:os'
import { type Diagnosis, diagnose } from '@guided-diffusion/backends'
import { type OnnxProvider, onnxProviders } from '@guided-diffusion/compile/node'
import { Command } from 'commander'
import { engines } from '../engine.ts'
import { packageVersion } from '../version.ts'

export const doctor = new Command('doctor')
  .description('which engines run here, what the others lack, and which one is taken')
  .option('--json', 'print JSON', false)
  .addHelpText(
    'after',
    `
Examples:
  guided-diffusion doctor
  guided-diffusion doctor --json`,
  )
  .action(async ({ json }: { json: boolean }) => {
    const machine = await describeMachine()
    const diagnoses = await diagnose(engines)
    const providers = await onnxProviders()
    const auto = diagnoses.find(({ available }) => available)?.name
    const training = diagnoses.find((each) => each.available && each.trains)?.name
    if (json)
      console.log(
        JSON.stringify({ ...machine, engines: diagnoses, auto, training, onnxProviders: providers }, null, 2),
      )
    else console.log(report(machine, diagnoses, { auto, training, providers }))
    if (auto === undefined) process.exitCode = 1
  })

type Machine = Awaited<ReturnType<typeof describeMachine>>

async function describeMachine() {
  return {
    version: await packageVersion(),
    node: process.versions.node,
    platform: `${os.platform()} ${os.arch()}`,
    processor: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    /** Bytes. */
    memory: os.totalmem(),
    freeMemory: os.freemem(),
  }
}

function report(
  machine: Machine,
  diagnoses: readonly Diagnosis[],
  {
    auto,
    training,
    providers,
  }: {
    auto: string | undefined
    training: string | undefined
    providers: readonly OnnxProvider[]
  },
): string {
  const width = Math.max(...diagnoses.map(({ name }) => name.length))
  const indent = ' '.repeat(width + 7)
  return [
    `guided-diffusion ${machine.version}, Node ${machine.node}, ${machine.platform}`,
    `processor: ${machine.processor}, ${machine.cores} ${machine.cores === 1 ? 'core' : 'cores'}`,
    `memory: ${gibibytes(machine.memory)}, ${gibibytes(machine.freeMemory)} free`,
    '',
    'engines, in the order in which auto tries them (the last by its name only):',
    ...diagnoses.flatMap((each) => [
      `  ${each.name.padEnd(width)}  ${each.available ? 'yes' : 'no '}  ${each.available ? runs(each) : each.reason}`,
      `${indent}  needs ${each.needs}`,
      ...(each.available ? [] : [`${indent}  ${each.advice}`]),
    ]),
    '',
    'providers of ONNX Runtime:',
    ...providers.map((each) => `  ${each.name.padEnd(width)}  ${provided(each)}`),
    '',
    ...chosen(auto, training),
  ].join('\n')
}

function runs({ description, trains }: Extract<Diagnosis, { available: true }>): string {
  return trains ? description : `${description}; samples, does not train`
}

/** Whether a provider runs here, and which engine takes it. */
function provided(provider: OnnxProvider): string {
  if (!provider.available) return `no   ${provider.reason}`
  return provider.name === 'cpu'
    ? 'yes  onnx takes it: it needs no graphics card'
    : `yes  onnx-${provider.name} takes it, never auto: it may be a graphics card or software that stands for one`
}

function chosen(auto: string | undefined, training: string | undefined): string[] {
  if (auto === undefined) return ['auto finds none that runs here.']
  const [fastest] = engines
  const why = auto === fastest?.name ? 'the fastest there is' : 'the first of these that runs here'
  return [
    `auto takes ${auto}: ${why}.`,
    training === auto ? '' : training ? `To train, it takes ${training}.` : 'None of them trains here.',
  ].filter((line) => line !== '')
}

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`
