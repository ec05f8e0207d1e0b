import type { Classes } from './class-list.ts'
import type { FoundNetwork } from './weight-file.ts'

/** What something is called, and what it is. */
export type Line = readonly [name: string, value: string]

const kinds = {
  unet: 'denoiser (ADM UNet)',
  'super-resolution': 'upsampler (super-resolution UNet)',
  classifier: 'classifier (encoder UNet)',
} as const

/** A network's options, for people. What its file does not show is left out, and said to be missing. */
export function networkLines({ description, by, sizeKnown }: FoundNetwork): Line[] {
  const { kind, config } = description
  const { size, channels, multipliers, blocks = 2, inChannels = 3 } = config
  return [
    ['network', kinds[kind]],
    ['image', `${sizeKnown ? `${size} × ${size}, ` : ''}${plural(inChannels, 'channel')}`],
    ['width', `${channels} × ${multipliers.join(', ')}; ${plural(blocks, 'residual block')} a level`],
    ['attention', attention(description, { sizeKnown, heads: by !== 'shapes' })],
    ['resampling', `${config.resampling ?? 'res-block'}; embedding: ${config.conditioning ?? 'scale-shift'}`],
    ...(by === 'shapes' ? [] : [['dropout', String(config.dropout ?? 0)] as const]),
    ['output', output(description)],
    ...(by === 'shapes' ? [['not shown', hidden(kind, sizeKnown)] as const] : []),
  ]
}

/** Number and names of the classes. */
export function classesText({ count, names }: Classes, nullClass: boolean): string {
  const all = `${count}${nullClass ? ' and a null class' : ''}`
  if (names.length === 0) return all
  return names.length > 40 ? `${all}: ${names.slice(0, 40).join(', ')}, …` : `${all}: ${names.join(', ')}`
}

function attention(
  { config }: FoundNetwork['description'],
  { sizeKnown, heads }: { sizeKnown: boolean; heads: boolean },
): string {
  const { attention = [], size, headChannels } = config
  if (attention.length === 0) return 'in the middle block alone'
  const places = attention.map((pixels) => (sizeKnown ? String(pixels) : `1/${size / pixels}`))
  const where = sizeKnown ? `at ${places.join(', ')} pixels` : `at ${places.join(', ')} of the image's size`
  if (!heads) return where
  const width =
    headChannels === undefined ? plural(config.heads ?? 1, 'head') : `heads of ${headChannels} channels`
  return `${where}; ${width}, ${config.attentionOrder ?? 'legacy'} order`
}

function output({ kind, config }: FoundNetwork['description']): string {
  if (kind === 'classifier') return `${config.outChannels} logits; ${config.pool ?? 'attention'} pooling`
  const { outChannels, inChannels = 3 } = config
  return `${plural(outChannels, 'channel')}${outChannels === 2 * inChannels ? ': prediction and variance' : ''}`
}

function hidden(kind: FoundNetwork['description']['kind'], sizeKnown: boolean): string {
  const missing = [
    ...(sizeKnown ? [] : ['size of the image']),
    'heads',
    'order of attention channels',
    'dropout',
    ...(kind === 'classifier' ? [] : ['null class']),
    'diffusion',
  ]
  return `${missing.join(', ')}: names and shapes do not tell`
}

/** 1 channel, 3 channels. */
export const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`
