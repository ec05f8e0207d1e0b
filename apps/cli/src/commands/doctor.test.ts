import os from 'node:os'
import { expect, test } from 'vitest'
import { program, spawnedProgram } from '../../testing/program.ts'

interface Report {
  readonly node: string
  readonly cores: number
  readonly memory: number
  readonly auto: string
  readonly training: string
  readonly engines: readonly { name: string; available: boolean; trains?: boolean; needs: string }[]
}

const [text, json] = await Promise.all([spawnedProgram(['doctor']), program(['doctor', '--json'])])
const report = JSON.parse(json.stdout) as Report

test('doctor tells of the machine, of each engine, and which one is taken', () => {
  expect([text.code, json.code]).toEqual([0, 0])
  expect(report).toMatchObject({
    node: process.versions.node,
    cores: os.availableParallelism(),
    memory: os.totalmem(),
  })
  const runs = new Map(report.engines.map((engine) => [engine.name, engine]))
  // what needs nothing but npm is there wherever this runs
  for (const name of ['wasm', 'cpu']) expect(runs.get(name)).toMatchObject({ available: true, trains: true })
  expect(report.auto).toBe(report.engines.find(({ available }) => available)?.name)
  expect(report.training).toBe(report.engines.find(({ available, trains }) => available && trains)?.name)

  expect(text.stdout).toContain(`Node ${process.versions.node}`)
  expect(text.stdout).toMatch(/^processor: .+, \d+ cores?$/m)
  expect(text.stdout).toMatch(/^memory: \d+\.\d GiB, \d+\.\d GiB free$/m)
  for (const { name, available, needs } of report.engines) {
    expect(text.stdout).toMatch(new RegExp(`^  ${name} +${available ? 'yes' : 'no'} +\\S`, 'm'))
    expect(text.stdout).toContain(`needs ${needs}`)
  }
  expect(text.stdout).toMatch(new RegExp(`^auto takes ${report.auto}: `, 'm'))
})

test('an engine that is asked for and cannot run is an error that says what would help', async () => {
  const missing = report.engines.find(({ available }) => !available)
  if (!missing) return expect(report.auto).toBe(report.engines[0]?.name)
  const { code, stderr } = await program(['sample', '--engine', missing.name, '--count', '1'])
  expect(code).toBe(1)
  expect(stderr).toMatch(new RegExp(`^error: No backend can run here\\. ${missing.name}: .+\\n$`))
})
