import * as checkpoints from '@guided-diffusion/checkpoints'
import * as models from '@guided-diffusion/models'
import { expect, test } from 'vitest'
import { kindOf, sparesEngine } from './problem-kinds.ts'

const problem = (name: string, message = '') => ({ name, message })

test('problems are told apart by their names, and memory by its words', () => {
  expect(kindOf(problem('BackendLostError'))).toBe('lost')
  expect(kindOf(problem('RangeError', 'Array buffer allocation failed'))).toBe('memory')
  expect(kindOf(problem('Error', 'Out of memory'))).toBe('memory')
  expect(kindOf(problem('TypeError', 'x is not a function'))).toBe('other')
})

test('an engine outlives files that are no use and what was stopped, and nothing that it failed at itself', () => {
  const spared = ['AbortError', 'DownloadError', 'DivergenceError', 'NoBackendError']
  expect(spared.filter((name) => !sparesEngine(problem(name)))).toEqual([])
  const doubted = ['BackendLostError', 'RuntimeError', 'WorkerEndedError', 'TypeError', 'Error']
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
