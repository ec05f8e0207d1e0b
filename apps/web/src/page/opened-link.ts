import { signal } from '@preact/signals'
import { gridPlan, paintPlan, pairPlan } from '../plans.ts'
import { start } from '../runs.ts'
import { openedLink, takeLink } from '../settings.ts'
import { wish } from '../wish.ts'

/** Parts of the link that nobody could read. */
export const ignoredParts = signal<readonly string[]>([])

/** Takes the settings of the link in the address, if there is one, and samples what it shows. */
export function openLink(): void {
  const link = openedLink()
  if (!link) return
  const { state, ignored } = link
  takeLink(state)
  ignoredParts.value = ignored
  if (state.wish) wish.value = state.wish
  if (state.figure === 'grid') start('grid', gridPlan())
  else if (state.figure === 'paint' && state.wish) start('paint', paintPlan(state.wish, state.gammas))
  else start('pair', pairPlan(state.gammas))
  if (state.figure !== 'pair')
    requestAnimationFrame(() => document.getElementById(`figure-${state.figure}`)?.scrollIntoView())
}
