import { expect, test } from 'vitest'
import { plan } from '../testing/plan.ts'
import { gammaAt } from './plan.ts'
import { type Problem, problemOf, type StepPicture } from './protocol.ts'
import { gammasOf, linkOf, type Run, withinRoom } from './runs.ts'

const step = (index: number, gamma: number): StepPicture => ({
  index,
  total: 6,
  timestep: 0,
  gamma,
  x: new Uint8Array(),
  xStart: new Uint8Array(),
  pull: new Int8Array(),
  probabilities: new Float32Array(),
  took: 1,
})
const runOf = (frames: StepPicture[]): Run => ({
  plan,
  model: { name: '', shape: [1, 1, 1], classes: 10, classNames: [] },
  status: 'done',
  steps: frames,
  frames,
  total: 6,
})

test('γ that was moved while sampling becomes a path, and the path leads to the same γ at each step', () => {
  const gammas = [2, 2, 5, 5, 5, 0]
  const path = gammasOf(runOf(gammas.map((gamma, i) => step(i, gamma))))
  expect(path).toEqual([
    [0, 2],
    [2, 5],
    [5, 0],
  ])
  expect(gammas.map((_, i) => gammaAt(path, i))).toEqual(gammas)
})

test('before the first step the path is that of the plan', () => {
  expect(gammasOf(runOf([]))).toEqual([[0, 2]])
})

test('a link names the number of noises that were sampled', () => {
  const cells = [0, 1, 2].flatMap((sample) => [
    { sample, label: 7, gamma: 0 },
    { sample, label: 7 },
  ])
  const run = { ...runOf([step(0, 2)]), plan: { ...plan, cells } }
  expect(linkOf('pair', run).count).toBe(3)
  expect(linkOf('grid', run).count).toBe(1)
})

test('where there is no room for all pictures of a run every second one stays, and always the last', () => {
  let kept: readonly StepPicture[] = []
  for (let index = 0; index < 100; index++) {
    kept = withinRoom(
      [...kept, { ...step(index, 2), x: new Uint8Array(10), xStart: new Uint8Array(10) }],
      200,
    )
    expect(kept.at(-1)?.index).toBe(index)
    expect(kept.length).toBeLessThanOrEqual(10)
    if (index >= 9) expect(kept.length).toBeGreaterThanOrEqual(5)
  }
  const places = kept.map(({ index }) => index)
  expect(places).toEqual(places.toSorted((a, b) => a - b))
})

test('errors travel as words, with their advice', () => {
  class LostError extends Error {
    override readonly name = 'LostError'
    readonly advice = 'Look again.'
  }
  const problems: Problem[] = [
    problemOf(new LostError('gone')),
    problemOf('odd'),
    problemOf(new TypeError('')),
  ]
  expect(problems).toEqual([
    { name: 'LostError', message: 'gone', advice: 'Look again.' },
    { name: 'Error', message: 'odd' },
    { name: 'TypeError', message: 'TypeError' },
  ])
  expect(structuredClone(problems)).toEqual(problems)
})
