import { expect, test } from 'vitest'
import { distinctCells } from './plan.ts'
import {
  columnsOf,
  gridCell,
  gridGammas,
  gridPlan,
  gridRows,
  paintPlan,
  pairCells,
  pairPlan,
} from './plans.ts'
import * as settings from './settings.ts'
import { emptyWish } from './wish.ts'

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
  expect(distinctCells(gridPlan().cells, false).map(({ sample }) => sample)).toEqual([0, 1, 2, 3])
})

test('the grid is filled row by row: each noise at each γ', () => {
  const plan = gridPlan()
  const places = Array.from({ length: gridRows }, (_, row) =>
    gridGammas.map((gamma) => gridCell(plan, row, gamma)),
  )
  expect(places.flat()).toEqual(plan.cells.map((_, i) => i))
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

test('a table of all pictures has those of one noise in a row, and in one row those of which each noise has one', () => {
  const { count } = settings
  count.value = 5
  const pair = pairPlan()
  count.value = 1
  expect(columnsOf(pair)).toBe(2)
  expect(columnsOf({ ...pair, cells: distinctCells(pair.cells, false) })).toBe(5)
  expect(columnsOf(gridPlan())).toBe(gridGammas.length)
  expect(columnsOf(paintPlan(emptyWish([28, 28, 1])))).toBe(2)
})
