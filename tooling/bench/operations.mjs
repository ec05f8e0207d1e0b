const product = (lengths) => lengths.reduce((all, length) => all * length, 1)

/** Floating-point operations of a graph's convolutions and matrix products: two for each multiplication and addition. */
export function operations({ nodes }) {
  return nodes.reduce((sum, node) => sum + ofNode(node), 0)
}

function ofNode({ operator, inputs, outputs, attributes }) {
  const [a, b] = inputs
  const size = product(outputs[0].shape)
  if (operator === 'Conv') return 2 * size * product(b.shape.slice(1))
  if (operator === 'ConvTranspose') return 2 * product(a.shape) * product(b.shape.slice(1))
  if (operator === 'MatMul' || operator === 'FusedMatMul')
    return 2 * size * a.shape.at(attributes.transA ? -2 : -1)
  return 0
}
