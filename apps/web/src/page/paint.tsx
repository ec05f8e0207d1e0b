import { signal } from '@preact/signals'
import { limits } from '../link.ts'
import { paintPlan, pairCells } from '../plans.ts'
import { isGuided, type ModelFacts } from '../protocol.ts'
import { gammasAgain, runs } from '../runs.ts'
import { className, gamma, label, modelFacts, seed } from '../settings.ts'
import { emptyWish, fittingWish, type Paint as PaintKind, wish } from '../wish.ts'
import { cellPixels, noisePixels } from './frame-pixels.ts'
import { PaintCanvas } from './paint-canvas.tsx'
import { Picture } from './picture.tsx'
import { ProblemPanel } from './problem-panel.tsx'
import { SampleButton } from './sample-button.tsx'
import { Share } from './share.tsx'

const brushes = ['bright', 'dark', 'keep', 'erase'] as const
type Brush = (typeof brushes)[number]

const brush = signal<Brush>('bright')
const size = signal(2)

/** A wish that is painted: any score of a picture with a gradient steers. */
export function Paint() {
  const { shape } = modelFacts.value
  const run = runs.paint.value
  const frame = run?.frames.at(-1)
  const current = fittingWish(wish.value, shape)
  const finished = pictureToKeep(shape)
  const empty = !current.mask.includes(1)
  const paint: PaintKind = brush.value === 'keep' ? (finished ? { keep: finished } : 'erase') : brush.value
  const guides = isGuided(modelFacts.value)
  const facts = run?.model ?? modelFacts.value
  const named = (model: ModelFacts, which: number) =>
    model.classes > 0 ? className(model, which) : 'no class'
  const name = named(modelFacts.value, label.value)
  const shownName = named(facts, run?.plan.cells[0]?.label ?? label.value)
  const side = shape[0]
  const across = Number(((2 * size.value * side) / 28).toFixed(1))
  const sizeWords = `${across} ${across === 1 ? 'pixel' : 'pixels'}`
  return (
    <section class="figure" id="figure-paint" aria-labelledby="paint-title">
      <div class="text">
        <h2 id="paint-title">Any wish will do</h2>
        <p>
          Nothing in the recipe needs a classifier. Whatever gives a picture a score, and can be
          differentiated, steers. Paint where the picture should be bright or dark: the score is how near the
          foreseen picture <i>x̂₀</i> comes to your paint, and its gradient runs back through the whole network
          to <i>xₜ</i>.
          {guides && (
            <>
              {' '}
              It is simply added to the pull towards <b>{name}</b> at <i>γ</i>
              {'\u00a0=\u00a0'}
              {gamma.value.toFixed(1)}.
            </>
          )}
        </p>
      </div>
      <div class="paint">
        <div class="easel">
          <PaintCanvas
            wish={current}
            paint={paint}
            radius={(size.value * side) / 28}
            shape={shape}
            under={finished}
            onPaint={(next) => {
              wish.value = next
            }}
          />
          <p class="caption">
            Your wish. <span class="keys">Arrow keys move the brush, space paints.</span>
          </p>
        </div>
        <div class="brushes">
          <fieldset class="segments">
            <legend>Brush</legend>
            {brushes.map((each) => (
              <label key={each}>
                <input
                  type="radio"
                  name="brush"
                  checked={brush.value === each}
                  disabled={each === 'keep' && !finished}
                  onChange={() => {
                    brush.value = each
                  }}
                />
                <span>{each}</span>
              </label>
            ))}
          </fieldset>
          <p class="hint">
            {finished
              ? `keep holds on to pixels of the ${guides ? 'guided picture' : 'picture'} at the top.`
              : 'keep needs a finished picture at the top of the page.'}
          </p>
          <label class="slider">
            <span>
              Size <span aria-hidden="true">{sizeWords}</span>
            </span>
            <input
              type="range"
              min={0.5}
              max={5}
              step={0.5}
              value={size.value}
              aria-valuetext={sizeWords}
              style={{ '--share': (size.value - 0.5) / 4.5 }}
              onInput={({ currentTarget }) => {
                size.value = Number(currentTarget.value)
              }}
            />
          </label>
          <label class="slider">
            <span>Strength {current.strength.toFixed(1)}</span>
            <input
              type="range"
              min={0}
              max={limits.strength}
              step={0.5}
              value={current.strength}
              style={{ '--share': current.strength / limits.strength }}
              onInput={({ currentTarget }) => {
                wish.value = { ...current, strength: Number(currentTarget.value) }
              }}
            />
          </label>
          <div class="examples">
            <button type="button" class="quiet" onClick={() => band(shape)}>
              A bright band
            </button>
            <button type="button" class="quiet" onClick={() => hole(shape)}>
              A dark hole
            </button>
            <button
              type="button"
              class="quiet"
              disabled={empty}
              onClick={() => {
                wish.value = emptyWish(shape, current.strength)
              }}
            >
              Clear
            </button>
          </div>
          <SampleButton
            figure="paint"
            plan={() => paintPlan(current)}
            words="Sample with this wish"
            disabled={empty}
          />
          <Share run={run} figure="paint" />
        </div>
        <div class="pair">
          {(['free', 'guided'] as const).map((tone, cell) => (
            <figure key={tone}>
              <Picture
                pixels={
                  run && frame
                    ? cellPixels(frame.x, cell, run.model.shape)
                    : noisePixels(seed.value, 0, shape)
                }
                label={
                  tone === 'free'
                    ? `Picture of ${shownName} without the wish`
                    : `Picture of ${shownName} with the wish`
                }
                tone={tone}
              />
              <figcaption>
                <b class={tone}>{tone === 'free' ? 'Without your wish' : 'With your wish'}</b>
              </figcaption>
            </figure>
          ))}
        </div>
      </div>
      <ProblemPanel figure="paint" again={() => paintPlan(current, gammasAgain('paint'))} />
    </section>
  )
}

/** The guided picture of the first figure, once it is finished, if it has the shape of those to come. */
function pictureToKeep(shape: Shape): Uint8Array | undefined {
  const run = runs.pair.value
  const frame = run?.status === 'done' ? run.frames.at(-1) : undefined
  if (!run || !frame || String(run.model.shape) !== String(shape)) return undefined
  const size = shape.reduce((a, b) => a * b, 1)
  const { guided } = pairCells(run.plan, 0)
  return frame.x.slice(guided * size, (guided + 1) * size)
}

type Shape = ModelFacts['shape']

function band([height, width, channels]: Shape): void {
  paintWhere([height, width, channels], 255, (_, y) => y >= 0.42 && y < 0.58)
}

function hole([height, width, channels]: Shape): void {
  paintWhere([height, width, channels], 0, (x, y) => (x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.025)
}

/** A wish over the pixels whose middle, as a share of the sides, is chosen. */
function paintWhere(shape: Shape, value: number, chosen: (x: number, y: number) => boolean): void {
  const [height, width, channels] = shape
  const next = emptyWish(shape, wish.peek().strength)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!chosen((x + 0.5) / width, (y + 0.5) / height)) continue
      const pixel = y * width + x
      next.mask[pixel] = 1
      next.target.fill(value, pixel * channels, (pixel + 1) * channels)
    }
  }
  wish.value = next
}
