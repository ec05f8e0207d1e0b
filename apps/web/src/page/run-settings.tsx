import { useSignal } from '@preact/signals'
import { limits } from '../link.ts'
import { type SamplerChoice, samplerChoices } from '../plan.ts'
import { count, sampler, seed, steps } from '../settings.ts'

const stepChoices = [5, 10, 20, 25, 50, 100, 250]

const samplerNames: Readonly<Record<SamplerChoice, string>> = {
  ddim: 'DDIM',
  'ddim-0.5': 'DDIM, η = 0.5',
  'ddim-1': 'DDIM, η = 1',
  ddpm: 'DDPM',
}

/** Seed, steps, sampler, number of pictures. */
export function RunSettings() {
  /** What stands in the box of the seed and is none. */
  const wrong = useSignal<string | undefined>(undefined)
  const choices = stepChoices.includes(steps.value)
    ? stepChoices
    : [...stepChoices, steps.value].sort((a, b) => a - b)
  return (
    <div class="settings">
      <div class="field seed">
        <label for="seed">Seed</label>
        <div class="joined">
          <input
            id="seed"
            type="number"
            min={0}
            max={limits.seed}
            value={wrong.value ?? String(seed.value)}
            {...(wrong.value === undefined
              ? {}
              : { 'aria-invalid': true, 'aria-errormessage': 'wrong-seed' })}
            onInput={({ currentTarget: { value, valueAsNumber } }) => {
              const fits =
                Number.isInteger(valueAsNumber) && valueAsNumber >= 0 && valueAsNumber <= limits.seed
              wrong.value = fits ? undefined : value
              if (fits) seed.value = valueAsNumber
            }}
            onBlur={({ currentTarget }) => {
              // what a number's box can't read it shows and gives as empty
              currentTarget.value = String(seed.value)
              wrong.value = undefined
            }}
          />
          <button
            type="button"
            class="icon"
            aria-label="Another seed"
            title="Another seed"
            onClick={() => {
              wrong.value = undefined
              seed.value = Math.floor(Math.random() * 10_000)
            }}
          >
            <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
              <rect
                x="3"
                y="3"
                width="14"
                height="14"
                rx="3.5"
                fill="none"
                stroke="currentColor"
                stroke-width="1.6"
              />
              <circle cx="7" cy="7" r="1.4" fill="currentColor" />
              <circle cx="13" cy="13" r="1.4" fill="currentColor" />
              <circle cx="10" cy="10" r="1.4" fill="currentColor" />
            </svg>
          </button>
        </div>
        {wrong.value !== undefined && (
          <p class="hint" id="wrong-seed" role="alert">
            A whole number from 0 to {limits.seed}. {seed.value} stays.
          </p>
        )}
      </div>
      <label class="field">
        <span>Steps</span>
        <select
          value={steps.value}
          onChange={({ currentTarget }) => {
            steps.value = Number(currentTarget.value)
          }}
        >
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>Sampler</span>
        <select
          value={sampler.value}
          onChange={({ currentTarget }) => {
            sampler.value = currentTarget.value as SamplerChoice
          }}
        >
          {samplerChoices.map((choice) => (
            <option key={choice} value={choice}>
              {samplerNames[choice]}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>Pictures</span>
        <select
          value={count.value}
          onChange={({ currentTarget }) => {
            count.value = Number(currentTarget.value)
          }}
        >
          {Array.from({ length: limits.count }, (_, i) => i + 1).map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      </label>
    </div>
  )
}
