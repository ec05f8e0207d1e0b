import { useMemo } from 'preact/hooks'
import { builtIn } from '../plan.ts'
import { isGuided } from '../protocol.ts'
import { label, model, modelFacts } from '../settings.ts'

/** Samples of the built-in model, one of each class, side by side. */
const faces = new URL('./classes.png', import.meta.url).href

/** The class of the pictures: the classifier leans to it, or the denoiser is told it. */
export function ClassPicker() {
  const { classes, classNames, unguided } = modelFacts.value
  if (classes === 0) return <p class="note">{unguided ?? 'This model knows no classes.'}</p>
  const legend = isGuided(modelFacts.value) ? 'Lean towards' : 'Class, which the denoiser is told'
  if (classes > 24) {
    return (
      <fieldset class="classes">
        <legend>{legend}</legend>
        {classNames.length > 0 ? (
          <ClassSelect classes={classes} names={classNames} />
        ) : (
          <label class="field">
            <span>Number, 0 to {classes - 1}</span>
            <input
              type="number"
              min={0}
              max={classes - 1}
              value={label.value}
              onInput={({ currentTarget: { valueAsNumber: value } }) => {
                if (Number.isInteger(value) && value >= 0 && value < classes) label.value = value
              }}
            />
          </label>
        )}
      </fieldset>
    )
  }
  const pictured = model.value.denoiser === builtIn
  return (
    <fieldset class="classes">
      <legend>{legend}</legend>
      <div class="class-list">
        {Array.from({ length: classes }, (_, i) => (
          <label key={i} class="class">
            <input
              type="radio"
              name="class"
              value={i}
              checked={label.value === i}
              onChange={() => {
                label.value = i
              }}
            />
            {pictured && (
              <span
                class="face"
                style={{
                  backgroundImage: `url(${faces})`,
                  backgroundPositionX: `${(100 * i) / (classes - 1)}%`,
                }}
              />
            )}
            <span class="name">{classNames[i] ?? i}</span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}

/** Many classes by their names. */
function ClassSelect({ classes, names }: { classes: number; names: readonly string[] }) {
  // a thousand, say: made once, and not at each step of a run
  const options = useMemo(
    () =>
      Array.from({ length: classes }, (_, i) => (
        <option key={i} value={i}>
          {names[i] ?? i}
        </option>
      )),
    [classes, names],
  )
  return (
    <label class="field">
      <span>Name</span>
      <select
        value={label.value}
        onChange={({ currentTarget }) => {
          label.value = Number(currentTarget.value)
        }}
      >
        {options}
      </select>
    </label>
  )
}
