import { type Signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { measureAgain } from '../engine-client.ts'
import { figures } from '../link.ts'
import { builtIn, type EngineChoice, engineChoices } from '../plan.ts'
import { runs } from '../runs.ts'
import { engine, engineFacts, model, modelFacts, takeBuiltIn } from '../settings.ts'
import { clearShelf, type ShelfItem, shelfItems, takeFromShelf } from '../weight-shelf.ts'
import { takeFiles } from './drop-files.ts'
import { FactsForm } from './facts-form.tsx'
import { loadingWords, stageWords } from './loading-words.ts'
import { cancelOpening, opening, openModel, shelfVersion } from './open-model.ts'

const engineNames: Readonly<Record<EngineChoice, string>> = {
  auto: 'Automatic',
  webgpu: 'WebGPU',
  'onnx-webgpu': 'ONNX Runtime on WebGPU',
  'onnx-wasm': 'ONNX Runtime on WebAssembly threads',
  wasm: 'WebAssembly',
}

/** What pictures of so many channels are. */
const colours: Readonly<Record<number, string>> = { 1: 'grey', 3: 'in colour' }

/** Which weights and which engine: own files, addresses, what the browser keeps of them. */
export function Weights() {
  const address = useSignal('')
  const guideAddress = useSignal('')
  const { name, shape, classes, unguided } = modelFacts.value
  return (
    <section class="figure weights" id="weights" aria-labelledby="weights-title">
      <div class="text">
        <h2 id="weights-title">Your own weights</h2>
        <p>
          Any UNet of the paper’s family runs here: a <code>.safetensors</code> that{' '}
          <code>guided-diffusion train</code> wrote, one of OpenAI’s published <code>.pt</code> checkpoints,
          or your own of their code, if your device has the memory. Files are read on your device and go
          nowhere.
        </p>
      </div>
      <div class="panels">
        <div class="panel">
          <h3>Model</h3>
          <p>
            <b>{name}</b>, {shape[1]} × {shape[0]} pixels, {colours[shape[2]] ?? `${shape[2]} channels`}
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
                takeFiles([...(currentTarget.files ?? [])])
                currentTarget.value = ''
              }}
            />
            <span>
              <b>Choose files</b> or drop them anywhere: a denoiser, and its classifier if there is one
            </span>
          </label>
          <form
            class="addresses"
            onSubmit={(event) => {
              event.preventDefault()
              const guide = guideAddress.value ? { classifier: guideAddress.value } : {}
              openModel({ denoiser: address.value, ...guide }, fileName(address.value))
            }}
          >
            <AddressInput
              name="Address of a denoiser"
              hint="https://…/model.safetensors"
              value={address}
              required
            />
            <div class="joined">
              <AddressInput
                name="Address of its classifier, if any"
                hint="https://…/classifier.safetensors"
                value={guideAddress}
              />
              <button type="submit" class="quiet">
                Load
              </button>
            </div>
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
              : 'Starts with the next picture.'}{' '}
            {engine.value === 'auto' && engineFacts.value?.measured && (
              <button
                type="button"
                class="link"
                onClick={() => {
                  measureAgain()
                  engineFacts.value = undefined
                }}
              >
                Measure again
              </button>
            )}
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

function AddressInput({
  name,
  hint,
  value,
  required = false,
}: {
  name: string
  hint: string
  value: Signal<string>
  required?: boolean
}) {
  return (
    <label class="field">
      <span>{name}</span>
      <input
        type="url"
        required={required}
        placeholder={hint}
        value={value.value}
        onInput={({ currentTarget }) => {
          value.value = currentTarget.value
        }}
      />
    </label>
  )
}

const fileName = (address: string) =>
  decodeURIComponent(new URL(address).pathname.split('/').at(-1) || address)

function Opening() {
  const state = opening.value
  if (!state) return null
  if (state.state === 'failed') {
    const { name, message, advice } = state.problem
    const asks = name === 'UndescribedFileError'
    return (
      <div class="problem" role="alert">
        <p class="title">{asks ? `What is ${state.name}?` : `${state.name} can’t be used`}</p>
        <p>{message}</p>
        {advice && <p>{advice}</p>}
        {state.tell && <FactsForm tell={state.tell} />}
        {!asks && <p>The page goes on with {modelFacts.value.name}.</p>}
      </div>
    )
  }
  if (state.state === 'ready') {
    return (
      <p class="hint" role="status">
        {state.name} is ready.{state.kept ? '' : ' The browser has no room to keep it.'}
      </p>
    )
  }
  const { loaded = 0, total = 0 } = state.loading ?? {}
  return (
    <div>
      <p class="hint" aria-hidden="true">
        {state.loading ? loadingWords(state.loading) : `Waiting for ${state.name}.`}
      </p>
      {/* stages alone: the bytes change up to 20 times a second */}
      <p class="hidden" role="status">
        {state.loading ? stageWords(state.loading) : `Waiting for ${state.name}.`}
      </p>
      <progress
        aria-label={`Loading ${state.name}`}
        max={1}
        {...(total > 0 ? { value: loaded / total } : {})}
      />
      <button type="button" class="link" onClick={cancelOpening}>
        Cancel
      </button>
    </div>
  )
}

/** What the browser keeps, with its size, and the way to be rid of it. */
function Shelf() {
  const items = useSignal<readonly ShelfItem[]>([])
  const done = figures.map((figure) => runs[figure].value?.status).join()
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
            {items.value.map((item) => (
              <li key={item.address}>
                <span class="name">{item.name}</span>{' '}
                <span class="size">{(item.bytes / 1e6).toFixed(1)} MB</span>{' '}
                {item.dropped && (
                  <button
                    type="button"
                    class="link"
                    aria-label={`Use ${item.name}`}
                    onClick={() => useKept(item)}
                  >
                    Use
                  </button>
                )}{' '}
                <button
                  type="button"
                  class="link"
                  aria-label={`Remove ${item.name}`}
                  onClick={async () => {
                    await takeFromShelf(item.address)
                    shelfVersion.value++
                  }}
                >
                  Remove
                </button>
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

/** Opens a dropped file that is kept: as a denoiser, or for the denoiser that is there where it is a classifier. */
function useKept({ name, facts }: ShelfItem) {
  const place = `file:${name}`
  const said = facts ? { facts } : {}
  const otherwise = { ...said, ...model.peek(), classifier: place }
  openModel({ denoiser: place, ...said }, name, { otherwise })
}
