import { encodeFacts } from './facts-code.ts'
import type { ModelChoice } from './plan.ts'

/** Whether two choices are the same files, read in the same way. */
export function isSameModel(a: ModelChoice, b: ModelChoice): boolean {
  const parts = ({ denoiser, classifier, facts }: ModelChoice) =>
    JSON.stringify([denoiser, classifier, facts && encodeFacts(facts)])
  return parts(a) === parts(b)
}
