import { expect, test } from 'vitest'
import { distinctCells } from './plan.ts'
import { gridCell, gridGammas, gridPlan, gridRows, pairCells, pairPlan } from './plans.ts'

test('without guidance γ makes no picture of its own: each noise has one, which all its places show', () => {
  const pair = pairPlan()
  expect(pair.cells).toEqual([
    { sample: 0, label: 7, gamma: 0 },
    { sample: 0, label: 7 },
  ])
  expect(distinctCells(pair.cells, true)).toEqual(pair.cells)
  const alone = { ...pair, cells: distinctCells(pair.cells, false) }
  expect(alone.cells).toEqual([{ sample: 0, label: 7, gamma: 0 }])
  expect(pairCells(alone, 0)).toEqual({ free: 0, guided: 0 })

  const grid = gridPlan()
  const rows = Array.from({ length: gridRows }, (_, row) => gridGammas.map((gamma) => ({ row, gamma })))
  const places = (plan: typeof grid) =>
    rows.map((cells) => cells.map(({ row, gamma }) => gridCell(plan, row, gamma)))
  expect(places(grid).flat()).toEqual(grid.cells.map((_, i) => i))
  const column = { ...grid, cells: distinctCells(grid.cells, false) }
  expect(places(column)).toEqual(rows.map((cells, row) => cells.map(() => row)))
})

test('a wish, a label and a noise do make a picture of their own', () => {
  const cells = [
    { sample: 0, label: 1 },
    { sample: 0, label: 1, wished: true },
    { sample: 0, label: 2 },
    { sample: 1, label: 1, wished: false },
    { sample: 1, label: 1, gamma: 4 },
  ]
  expect(distinctCells(cells, false)).toEqual(cells.slice(0, 4))
})
