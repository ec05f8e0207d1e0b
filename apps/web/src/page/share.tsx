import { useSignal } from '@preact/signals'
import { encodeLink, type Figure } from '../link.ts'
import { linkOf, type Run } from '../runs.ts'
import { savePng } from './save-png.ts'

/** Copies a link to the pictures of a run, and saves them. */
export function Share({ run, figure }: { run: Run | undefined; figure: Figure }) {
  const words = useSignal('')
  const frame = run?.frames.at(-1)
  const say = (text: string) => {
    words.value = text
    setTimeout(() => {
      if (words.value === text) words.value = ''
    }, 4000)
  }
  const copy = async () => {
    if (!run) return
    try {
      const link = new URL(`#${encodeLink(linkOf(figure, run))}`, location.href).href
      history.replaceState(null, '', link)
      await navigator.clipboard.writeText(link)
      say('Link copied.')
    } catch {
      say('The link stands in the address bar.')
    }
  }
  const save = async () => {
    if (!run || !frame) return
    try {
      say(`Saved ${await savePng(run, frame)}.`)
    } catch (error) {
      // a canvas that is too large, a disk that is full: each browser has its own words
      say(`Nothing is saved: ${error instanceof Error ? error.message : error}`)
    }
  }
  return (
    <div class="share">
      <button type="button" class="quiet" disabled={!frame} onClick={copy}>
        Copy link
      </button>
      <button type="button" class="quiet" disabled={!frame} onClick={save}>
        Save PNG
      </button>
      <span role="status" class="said">
        {words.value}
      </span>
    </div>
  )
}
