import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { builtIn, type EngineChoice, engineChoices } from '../plan.ts'
import { runs } from '../runs.ts'
import { engine, engineFacts, model, modelFacts, takeBuiltIn } from '../settings.ts'
import { clearShelf, type ShelfItem, shelfItems } from '../weight-shelf.ts'
import { opening, openModel, shelfVersion, takeFiles } from './drop-files.ts'

const engineNames: Readonly<Record<EngineChoice, string>> = {
  auto: 'The fastest that runs',
  webgpu: 'WebGPU',
  'onnx-webgpu': 'ONNX Runtime on WebGPU',
  'onnx-wasm': 'ONNX Runtime on WebAssembly threads',
  wasm: 'WebAssembly',
}

/** Which weights and which engine: own files, addresses, what the browser keeps of them. */
export function Weights() {
  const address = useSignal('')
  const { name, shape, classes, unguided } = modelFacts.value
  return (
    <section class="figure weights" id="weights" aria-labelledby="weights-title">
      <div class="text">
        <h2 id="weights-title">Your own weights</h2>
        <p>
          Any UNet of the paper’s family runs here: a <code>.safetensors</code> that{' '}
          <code>guided-diffusion train</code> wrote, or one of OpenAI’s published <code>.pt</code>{' '}
          checkpoints, if your device has the memory. Files are read on your device and go nowhere.
        </p>
      </div>
      <div class="panels">
        <div class="panel">
          <h3>Model</h3>
          <p>
            <b>{name}</b>, {shape[0]} × {shape[1]} × {shape[2]}
            {classes > 0 ? `, ${classes} classes` : ''}.{' '}
            {model.value.denoiser !== builtIn && (
              <button type="button" class="link" onClick={takeBuiltIn}>
                Back to the built-in one
              </button>
            )}
          </p>
          {unguided && <p class="hint">{unguided}</p>}
          <label class="drop">
            <input
              type="file"
              multiple
              accept=".safetensors,.pt"
              onChange={({ currentTarget }) => {
                void takeFiles([...(currentTarget.files ?? [])])
                currentTarget.value = ''
              }}
            />
            <span>
              <b>Choose files</b> or drop them anywhere: a denoiser, and its classifier if there is one
            </span>
          </label>
          <form
            class="joined"
            onSubmit={(event) => {
              event.preventDefault()
              if (address.value) openModel({ denoiser: address.value }, address.value)
            }}
          >
            <input
              type="url"
              required
              placeholder="https://…/model.safetensors"
              aria-label="Address of weights"
              value={address.value}
              onInput={({ currentTarget }) => {
                address.value = currentTarget.value
              }}
            />
            <button type="submit" class="quiet">
              Load
            </button>
          </form>
          <Opening />
        </div>
        <div class="panel">
          <h3>Engine</h3>
          <label class="field wide">
            <span>Compute with</span>
            <select
              value={engine.value}
              onChange={({ currentTarget }) => {
                engine.value = currentTarget.value as EngineChoice
              }}
            >
              {engineChoices.map((choice) => (
                <option key={choice} value={choice}>
                  {engineNames[choice]}
                </option>
              ))}
            </select>
          </label>
          <p class="hint">
            {engineFacts.value
              ? `${engineFacts.value.description}. ${engineFacts.value.why}`
              : 'Starts with the first picture.'}
          </p>
          {!globalThis.crossOriginIsolated && (
            <p class="hint">
              On this visit WebAssembly has one thread.{' '}
              <button type="button" class="link" onClick={() => location.reload()}>
                Load the page again
              </button>{' '}
              to give it {navigator.hardwareConcurrency}.
            </p>
          )}
        </div>
        <Shelf />
      </div>
    </section>
  )
}

function Opening() {
  const state = opening.value
  if (!state) return null
  if (state.state === 'failed') {
    const { message, advice } = state.problem
    return (
      <div class="problem" role="alert">
        <p class="title">{state.name} can’t be used</p>
        <p>{message}</p>
        {advice && <p>{advice}</p>}
        <p>The page goes on with {modelFacts.value.name}.</p>
      </div>
    )
  }
  const { loaded = 0, total = 0 } = (state.state === 'loading' && state.loading) || {}
  return (
    <p class="hint" role="status">
      {state.state === 'ready'
        ? `${state.name} is ready.${state.kept ? '' : ' The browser has no room to keep it.'}`
        : `Loading ${state.name}${total > 0 ? `, ${(loaded / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB` : ''} …`}
    </p>
  )
}

/** What the browser keeps, with its size, and the way to be rid of it. */
function Shelf() {
  const items = useSignal<readonly ShelfItem[]>([])
  const done = runs.pair.value?.status
  const version = shelfVersion.value
  useEffect(() => {
    void shelfItems().then((found) => {
      items.value = found
    })
  }, [done, version])
  const sum = items.value.reduce((total, { bytes }) => total + bytes, 0)
  return (
    <div class="panel">
      <h3>Kept on this device</h3>
      {items.value.length === 0 ? (
        <p class="hint">
          No weights yet. They are kept when they are first used, and then load without a network.
        </p>
      ) : (
        <>
          <ul class="shelf">
            {items.value.map(({ name, bytes }) => (
              <li key={name}>
                <span>{name.replace(/-[\w-]{8}(\.\w+)$/, '$1')}</span>{' '}
                <span>{(bytes / 1e6).toFixed(1)} MB</span>
              </li>
            ))}
          </ul>
          <p>
            {(sum / 1e6).toFixed(1)} MB in all.{' '}
            <button
              type="button"
              class="quiet"
              onClick={async () => {
                await clearShelf()
                shelfVersion.value++
              }}
            >
              Clear
            </button>
          </p>
        </>
      )}
    </div>
  )
}
