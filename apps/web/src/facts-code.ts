/** What a file does not say of itself, as text for a link: `64,4,legacy,linear`, or `64x` for heads of 64 channels. */
import { type FileFacts, mostSize } from './plan.ts'

export function encodeFacts({ size, heads, attentionOrder, schedule }: FileFacts): string {
  return [size, 'count' in heads ? heads.count : `${heads.channels}x`, attentionOrder, schedule].join(',')
}

/** The facts of a text, or undefined where it has none, or of images larger than the page takes. */
export function decodeFacts(text: string): FileFacts | undefined {
  const [, size, heads, each, attentionOrder, schedule] =
    /^([1-9]\d{0,3}),([1-9]\d{0,3})(x?),(legacy|new),(linear|cosine)$/.exec(text) ?? []
  if (size === undefined || Number(size) > mostSize) return undefined
  return {
    size: Number(size),
    heads: each === '' ? { count: Number(heads) } : { channels: Number(heads) },
    attentionOrder: attentionOrder as FileFacts['attentionOrder'],
    schedule: schedule as FileFacts['schedule'],
  }
}
