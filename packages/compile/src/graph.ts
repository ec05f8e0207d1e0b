/**
 * An ONNX graph while it is built: values with known shapes, nodes in order, constants that are read when the file is
 * written.
 */

/** Element types that traced functions use; int64 is what ONNX wants for shapes and axes, float16 are weights of half size. */
export type ElementType = 'float32' | 'int32' | 'bool' | 'int64' | 'float16'

/** ONNX's numbers of the types. */
export const typeCodes: Readonly<Record<ElementType, number>> = {
  float32: 1,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
}

/** Numbers of a type; those of float16 as their bits. */
export type ElementArray = Float32Array | Int32Array | Uint8Array | BigInt64Array | Uint16Array

/** A tensor in the graph, in the layout in which it lies in memory. */
export interface Value {
  readonly name: string
  readonly type: ElementType
  readonly shape: readonly number[]
}

export type Attribute = number | string | readonly number[] | { readonly float: number }

export interface GraphNode {
  readonly operator: string
  /** '' is ONNX's own; 'com.microsoft' has ONNX Runtime's extensions. */
  readonly domain: '' | 'com.microsoft'
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

/** A part of a file. */
export interface FilePlace {
  /** Absolute path. */
  readonly path: string
  /** In bytes. */
  readonly offset: number
  /** In bytes. */
  readonly length: number
}

/** Numbers, row by row, before anything is done to them. */
export interface SourceArray {
  /** Where they lie, little-endian, if they are a part of a file. */
  readonly place?: FilePlace
  read(): ElementArray
  /** The same numbers as float16, if that is what they lie there as. */
  readonly half?: SourceArray
}

/** An array, cut into axes of these lengths, which then come in this order. Axes of length 1 are left out. */
export interface Origin {
  readonly array: SourceArray
  readonly shape: readonly number[]
  readonly order: readonly number[]
}

/** A constant. `read` may be called once, when the graph is written; large ones are not kept before. */
export interface Initializer {
  readonly value: Value
  /** What it is a layout of: a state-dict name. The only layout of it in a graph takes the name. */
  readonly label?: string | undefined
  /** The array that it has the numbers of, if they are only in another order. */
  readonly origin?: Origin | undefined
  /** Whether it is a filter turned by half a turn: that of a convolution's gradient. */
  readonly turned?: boolean | undefined
  readonly read: () => ElementArray
}

/** An optional input of a node that is left out. */
export const absent: Value = { name: '', type: 'float32', shape: [] }

export interface Graph {
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  /** What the function calls its results: a file's names must differ from those of the inputs. */
  readonly outputNames: readonly string[]
  readonly nodes: readonly GraphNode[]
  readonly initializers: readonly Initializer[]
}

export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, length) => product * length, 1)

/** Builds a graph. Equal nodes are made once. */
export class GraphBuilder {
  readonly #nodes: GraphNode[] = []
  readonly #initializers = new Map<string, Initializer>()
  readonly #constants = new Map<string, Initializer>()
  readonly #inputs: Value[] = []
  readonly #optional = new Set<string>()
  readonly #made = new Map<string, readonly Value[]>()
  readonly #names = new Map<string, number>()

  input(name: string, type: ElementType, shape: readonly number[]): Value {
    const value = { name: this.#unique(name), type, shape }
    this.#inputs.push(value)
    return value
  }

  /** An input that the graph has only if something needs it. */
  optionalInput(name: string, type: ElementType, shape: readonly number[]): Value {
    const value = this.input(name, type, shape)
    this.#optional.add(value.name)
    return value
  }

  /** A node with one result. */
  node(
    operator: string,
    inputs: readonly Value[],
    result: { readonly shape: readonly number[]; readonly type?: ElementType },
    attributes: Readonly<Record<string, Attribute>> = {},
    domain: GraphNode['domain'] = '',
  ): Value {
    return this.nodes(operator, inputs, [result], attributes, domain)[0] as Value
  }

  /** A node with several results. */
  nodes(
    operator: string,
    inputs: readonly Value[],
    results: readonly { readonly shape: readonly number[]; readonly type?: ElementType }[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain: GraphNode['domain'] = '',
  ): readonly Value[] {
    const shapes = results.map(({ shape }) => shape)
    const key = JSON.stringify([operator, domain, inputs.map(({ name }) => name), attributes, shapes])
    const found = this.#made.get(key)
    if (found) return found
    const outputs = results.map(({ shape, type }) => ({
      name: this.#unique(operator),
      type: type ?? (inputs[0] as Value).type,
      shape,
    }))
    this.#nodes.push({ operator, domain, inputs, outputs, attributes })
    this.#made.set(key, outputs)
    return outputs
  }

  /** A constant under a name of its own. @param key constants of one key are stored once. */
  initializer(
    key: string,
    value: {
      readonly type: ElementType
      readonly shape: readonly number[]
      readonly label?: string | undefined
      readonly origin?: Origin | undefined
      readonly turned?: boolean
    },
    read: () => ElementArray,
  ): Value {
    const found = this.#initializers.get(key)
    if (found) return found.value
    const { type, shape, label, origin, turned } = value
    const made: Value = { name: this.#unique('constant'), type, shape }
    const initializer = { value: made, label, origin, turned, read }
    this.#initializers.set(key, initializer)
    this.#constants.set(made.name, initializer)
    return made
  }

  /** The constant behind a value, if it is one. */
  constantOf(value: Value): Initializer | undefined {
    return this.#constants.get(value.name)
  }

  /** Shapes, axes and the like. */
  integers(values: readonly number[]): Value {
    return this.initializer(`int64:${values}`, { type: 'int64', shape: [values.length] }, () =>
      BigInt64Array.from(values, BigInt),
    )
  }

  /** One float for each entry, `[n]`; without a list a scalar. */
  floats(values: number | readonly number[]): Value {
    const list = typeof values === 'number' ? [values] : values
    const shape = typeof values === 'number' ? [] : [list.length]
    return this.initializer(`float32:${shape}:${list}`, { type: 'float32', shape }, () =>
      Float32Array.from(list),
    )
  }

  /** The graph of what the outputs need, under the given names. */
  finish(outputs: ReadonlyMap<string, Value>): Graph {
    const results = [...outputs].map(([name, value]) => {
      const renamed = { name: this.#unique(name), type: value.type, shape: value.shape }
      this.#nodes.push({
        operator: 'Identity',
        domain: '',
        inputs: [value],
        outputs: [renamed],
        attributes: {},
      })
      return renamed
    })
    const needed = new Set(results.map(({ name }) => name))
    const nodes = this.#nodes
      .toReversed()
      .filter((node) => {
        if (!node.outputs.some(({ name }) => needed.has(name))) return false
        for (const { name } of node.inputs) needed.add(name)
        return true
      })
      .reverse()
    const kept = [...this.#initializers.values()].filter(({ value }) => needed.has(value.name))
    const inputs = this.#inputs.filter(({ name }) => needed.has(name) || !this.#optional.has(name))
    return { inputs, outputs: results, outputNames: [...outputs.keys()], ...this.#labelled(nodes, kept) }
  }

  /** Constants renamed to their labels. */
  #labelled(nodes: readonly GraphNode[], initializers: readonly Initializer[]) {
    const renamed = new Map<string, Value>()
    for (const { value, label } of initializers) {
      if (label) renamed.set(value.name, { ...value, name: this.#unique(label) })
    }
    const rename = (value: Value) => renamed.get(value.name) ?? value
    return {
      nodes: nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename) })),
      initializers: initializers.map((each) => ({ ...each, value: rename(each.value) })),
    }
  }

  #unique(name: string): string {
    let count = this.#names.get(name) ?? 0
    this.#names.set(name, count + 1)
    if (count === 0) return name
    while (this.#names.has(`${name}_${count}`)) count++
    return this.#unique(`${name}_${count}`)
  }
}
