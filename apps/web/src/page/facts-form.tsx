import { signal } from '@preact/signals'
import type { FileFacts } from '../plan.ts'

/** What was said last; the reference code's own defaults at first. */
const facts = signal<FileFacts>({
  size: 64,
  heads: { count: 4 },
  attentionOrder: 'legacy',
  schedule: 'linear',
})

const sizes = [16, 28, 32, 64, 128, 256, 512]

const heads: Readonly<Record<string, FileFacts['heads']>> = {
  '1 head': { count: 1 },
  '2 heads': { count: 2 },
  '4 heads': { count: 4 },
  '8 heads': { count: 8 },
  'of 32 channels': { channels: 32 },
  'of 64 channels': { channels: 64 },
}

/** Asks for what a file of tensors does not show; its options are called as in the reference code. */
export function FactsForm({ tell }: { tell: (facts: FileFacts) => void }) {
  const { value } = facts
  const change = (more: Partial<FileFacts>) => {
    facts.value = { ...value, ...more }
  }
  const chosenHeads = Object.keys(heads).find(
    (name) => JSON.stringify(heads[name]) === JSON.stringify(value.heads),
  )
  return (
    <form
      class="facts"
      onSubmit={(event) => {
        event.preventDefault()
        tell(value)
      }}
    >
      <Choice
        name="Image size, pixels"
        options={sizes.map(String)}
        value={String(value.size)}
        onChoose={(size) => change({ size: Number(size) })}
      />
      <Choice
        name="Noise schedule"
        options={['linear', 'cosine']}
        value={value.schedule}
        onChoose={(schedule) => change({ schedule: schedule as FileFacts['schedule'] })}
      />
      <Choice
        name="Attention heads"
        options={Object.keys(heads)}
        value={chosenHeads ?? '4 heads'}
        onChoose={(name) => change({ heads: heads[name] as FileFacts['heads'] })}
      />
      <Choice
        name="Attention order"
        options={['legacy', 'new']}
        value={value.attentionOrder}
        onChoose={(order) => change({ attentionOrder: order as FileFacts['attentionOrder'] })}
      />
      <button type="submit" class="quiet">
        Try with these
      </button>
    </form>
  )
}

function Choice({
  name,
  options,
  value,
  onChoose,
}: {
  name: string
  options: readonly string[]
  value: string
  onChoose: (value: string) => void
}) {
  return (
    <label class="field">
      <span>{name}</span>
      <select value={value} onChange={({ currentTarget }) => onChoose(currentTarget.value)}>
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  )
}
