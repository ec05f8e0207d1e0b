import { expect, test } from 'vitest'
import { plan } from '../../testing/plan.ts'
import type { ModelFacts } from '../protocol.ts'
import { emptyWish } from '../wish.ts'
import { requireFit } from './plan-fit.ts'

const model: ModelFacts = { name: 'Fashion-MNIST', shape: [28, 28, 1], classes: 10, classNames: [] }

test('what the model makes is let through', () => {
  requireFit(plan, model)
  requireFit({ ...plan, wish: emptyWish([28, 28, 1]) }, model)
  requireFit({ ...plan, cells: [{ sample: 0, label: 42 }] }, { ...model, classes: 0 })
})

test('a class that it does not know is an error', () => {
  expect(() =>
    requireFit({ ...plan, cells: [{ sample: 0, label: 10 }] }, model),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PlanMisfitError: There is no class 10: Fashion-MNIST knows 10, counted from 0.]`,
  )
})

test.each([[[64, 64, 3]], [[28, 28, 3]]] as const)('a wish over %j is an error', (shape) => {
  expect(() => requireFit({ ...plan, wish: emptyWish(shape) }, model)).toThrow(
    `What was painted is for pictures of ${shape.join(' × ')}, and Fashion-MNIST makes 28 × 28 × 1.`,
  )
})
