import { expect, test } from 'vitest'
import { decodeLink, defaults, encodeLink, type LinkState } from './link.ts'
import { emptyWish, painted } from './wish.ts'

const round = (state: LinkState) => decodeLink(`#${encodeLink(state)}`)

test('a link gives back the state that it was made of', () => {
  const states: LinkState[] = [
    defaults,
    { ...defaults, figure: 'grid', label: 3, seed: 4_294_967_295, steps: 250, sampler: 'ddpm', count: 8 },
    {
      ...defaults,
      gammas: [
        [0, 4],
        [12, 8.5],
        [20, 0],
      ],
    },
    { ...defaults, denoiser: 'https://example.org/a b/model.safetensors?x=1&y=2#z', engine: 'onnx-wasm' },
    { ...defaults, denoiser: 'file:mein Modell=1.pt', classifier: 'file:classifier.pt' },
    {
      ...defaults,
      denoiser: 'file:ema_0.9999_200000.pt',
      facts: { size: 64, heads: { channels: 64 }, attentionOrder: 'new', schedule: 'cosine' },
    },
    {
      ...defaults,
      figure: 'paint',
      wish: { ...painted(emptyWish([28, 28, 1]), 'bright', { x: 9.5, y: 3, radius: 4 }), strength: 6.5 },
    },
  ]
  for (const state of states) expect(round(state)).toEqual({ state, ignored: [] })
})

test.each([
  ['64,4,legacy,linear', { size: 64, heads: { count: 4 }, attentionOrder: 'legacy', schedule: 'linear' }],
  ['28,32x,new,cosine', { size: 28, heads: { channels: 32 }, attentionOrder: 'new', schedule: 'cosine' }],
  ['64,4,legacy', undefined],
  ['0,4,legacy,linear', undefined],
  ['1024,4,legacy,linear', { size: 1024, heads: { count: 4 }, attentionOrder: 'legacy', schedule: 'linear' }],
  ['1025,4,legacy,linear', undefined],
  ['9984,4,legacy,linear', undefined],
  ['64,4,newest,linear', undefined],
])('%s is what is said of a file', (text, facts) => {
  const { state, ignored } = decodeLink(`#trained=${text}`)
  expect(state.facts).toEqual(facts)
  expect(ignored).toEqual(facts ? [] : [`trained=${text}`])
})

test('a link is text that people can read', () => {
  expect(
    encodeLink({
      ...defaults,
      gammas: [
        [0, 4],
        [12, 8],
      ],
    }),
  ).toBe('figure=pair&class=7&gamma=4,12:8&steps=25&sampler=ddim&seed=7&count=1')
})

test('what a link lacks is as by default', () => {
  expect(decodeLink('#class=2')).toEqual({ state: { ...defaults, label: 2 }, ignored: [] })
  expect(decodeLink('')).toEqual({ state: defaults, ignored: [] })
})

test('what can not be read is named, and the rest taken', () => {
  const { state, ignored } = decodeLink(
    '#seed=5&gamma=99&steps=2.5&sampler=magic&count=0&class=-1&wish=%%%&zoom=3&engine=abacus',
  )
  expect(state).toEqual({ ...defaults, seed: 5 })
  expect([...ignored].sort()).toEqual(
    [
      'class=-1',
      'count=0',
      'engine=abacus',
      'gamma=99',
      'sampler=magic',
      'steps=2.5',
      'wish=%%%',
      'zoom=3',
    ].sort(),
  )
})

test.each(['4,3:1,2:2', '4,4', '12:4', '4,x:1', '', '-1', '4,5:11', 'NaN'])('%s is no path of γ', (path) => {
  expect(decodeLink(`#gamma=${path}`)).toEqual({ state: defaults, ignored: [`gamma=${path}`] })
})
