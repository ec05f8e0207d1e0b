import { BackendFaultError } from '@guided-diffusion/backends'
import * as checkpoints from '@guided-diffusion/checkpoints'
import { RuntimeFaultError, RuntimeLostError, RuntimeMemoryError } from '@guided-diffusion/compile'
import * as models from '@guided-diffusion/models'
import { expect, test } from 'vitest'
import { kindOf, sparesEngine } from './problem-kinds.ts'

const problem = (name: string, message = '') => ({ name, message })

test('problems are told apart by their names, and memory by its words', () => {
  expect(kindOf(problem('BackendLostError'))).toBe('lost')
  expect(kindOf(problem('RangeError', 'Array buffer allocation failed'))).toBe('memory')
  expect(kindOf(problem('Error', 'Out of memory'))).toBe('memory')
  expect(kindOf(problem('RuntimeError', 'memory access out of bounds'))).toBe('memory')
  expect(kindOf(problem('RuntimeError', 'Aborted(OOM)'))).toBe('memory')
  expect(kindOf(problem('Error', 'failed to call OrtRun(). ERROR_MESSAGE: std::bad_alloc'))).toBe('memory')
  expect(kindOf(new BackendFaultError({ backend: 'webgpu', reason: 'x', memory: true }))).toBe('memory')
  expect(kindOf(new RuntimeMemoryError({ reason: 'x' }))).toBe('memory')
  expect(kindOf(new RuntimeLostError({ reason: 'x' }))).toBe('lost')
  expect(kindOf(new BackendFaultError({ backend: 'webgpu', reason: 'x', memory: false }))).toBe('other')
  expect(kindOf(new RuntimeFaultError({ reason: 'x' }))).toBe('other')
  // bugs of engines, not its lack
  expect(kindOf(problem('RuntimeError', 'unreachable'))).toBe('other')
  expect(kindOf(problem('RuntimeError', 'table index is out of bounds'))).toBe('other')
  expect(kindOf(problem('TypeError', 'x is not a function'))).toBe('other')
})

test('an engine outlives files that are no use and what was stopped, and nothing that it failed at itself', () => {
  const spared = ['AbortError', 'DownloadError', 'DivergenceError', 'NoBackendError']
  expect(spared.filter((name) => !sparesEngine(problem(name)))).toEqual([])
  const doubted = [
    'BackendFaultError',
    'BackendLostError',
    'RuntimeError',
    'RuntimeMemoryError',
    'RuntimeFaultError',
    'WorkerEndedError',
    'TypeError',
    'Error',
  ]
  expect(doubted.filter((name) => sparesEngine(problem(name)))).toEqual([])
})

test('every error that the readers of files can throw is one of a file', () => {
  // what only who writes files or calls networks can meet
  const others = ['ModelInputError', 'TensorNotFoundError', 'WeightsValueError', 'WriteError']
  for (const reader of [checkpoints, models]) {
    const errors = Object.keys(reader).filter((name) => name.endsWith('Error') && !others.includes(name))
    expect(errors.length).toBeGreaterThan(2)
    expect(errors.filter((name) => kindOf(problem(name)) !== 'file')).toEqual([])
  }
})
