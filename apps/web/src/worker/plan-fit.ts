/** Whether a model makes the pictures of a plan: whoever wrote a link may have thought of another one. */
import type { RunPlan } from '../plan.ts'
import type { ModelFacts } from '../protocol.ts'
import { PlanMisfitError } from './errors.ts'

/** @throws PlanMisfitError where the model has no such class, or pictures of another shape than the wish. */
export function requireFit({ cells, wish }: RunPlan, { name, classes, shape }: ModelFacts): void {
  const beyond = classes > 0 ? cells.find(({ label }) => label >= classes) : undefined
  if (beyond) {
    throw new PlanMisfitError({
      problem: `There is no class ${beyond.label}: ${name} knows ${classes}, counted from 0`,
      advice: 'Choose one of its classes.',
    })
  }
  const [height, width, channels] = shape
  const fits = wish?.mask.length === height * width && wish.target.length === height * width * channels
  if (wish && !fits) {
    const side = Math.sqrt(wish.mask.length)
    const painted = [side, side, wish.target.length / wish.mask.length].join(' × ')
    throw new PlanMisfitError({
      problem: `What was painted is for pictures of ${painted}, and ${name} makes ${shape.join(' × ')}`,
      advice: 'Paint anew, or sample with the model that it was painted for.',
    })
  }
}
