import { describe, expect, test } from 'vitest'
import type { ElementType, Graph, Value } from './graph.ts'
import { paddedChannels } from './padded-channels.ts'

/** A convolution of an image of so many channels. */
function convolution(channels: number, type: ElementType = 'float32'): Graph {
  const value = (name: string, shape: number[]): Value => ({ name, type, shape })
  const [x, w, b] = [value('x', [2, channels, 5, 6]), value('w', [8, channels, 3, 3]), value('b', [8])]
  const y = value('y', [2, 8, 5, 6])
  return {
    inputs: [x, w, b],
    outputs: [y],
    outputNames: ['y'],
    nodes: [
      { operator: 'Conv', domain: '', inputs: [x, w, b], outputs: [y], attributes: { pads: [1, 1, 1, 1] } },
    ],
    initializers: [],
  }
}

describe('paddedChannels', () => {
  test.each([1, 2, 3, 4, 5, 8, 10, 12, 24, 64])('leaves %i as they are', (channels) => {
    const graph = convolution(channels)
    expect(paddedChannels(graph)).toEqual(graph)
  })

  test.each([
    [6, 8],
    [9, 12],
    [15, 16],
    [33, 36],
  ])('makes %i of them %i, in the image and in the filter', (channels, more) => {
    const { nodes, initializers } = paddedChannels(convolution(channels, 'float16'))
    expect(nodes.map(({ operator }) => operator)).toEqual(['Pad', 'Pad', 'Conv'])
    const [image, filter, conv] = nodes
    expect(conv?.inputs).toEqual([
      image?.outputs[0],
      filter?.outputs[0],
      { name: 'b', type: 'float16', shape: [8] },
    ])
    expect(conv?.outputs[0]?.name).toBe('y')
    expect(image?.outputs).toMatchObject([{ type: 'float16', shape: [2, more, 5, 6] }])
    expect(filter?.outputs).toMatchObject([{ type: 'float16', shape: [8, more, 3, 3] }])
    // zeros behind the last channel, none elsewhere
    const amounts = initializers.map(({ value, read }) => [value.name, Array.from(read(), Number)])
    expect(amounts).toEqual([[image?.inputs[1]?.name, [0, 0, 0, 0, 0, more - channels, 0, 0]]])
  })
})
