/**
 * Writes a checkpoint with the names and shapes of a published one and seeded random weights, as `torch.save` would:
 * the zip form, one storage a tensor, float32. Neither PyTorch nor a package of this project is used.
 *
 *   node tooling/published/write.mjs NAME FILE.pt [--seed 1] [--zeros]
 *
 * NAME is one of golden/vectors/published-models.json.gz; `lsun` stands for the four of LSUN. A path to a JSON file of
 * names and shapes, `{ "out.2.bias": [3], … }`, in its place writes any other network. `--zeros` leaves the weights holes
 * in a sparse file, which takes no disk; its checksums are those of zeros.
 *
 * Weights are uniform with the variance that keeps activations at their size (1 / inputs of an output), so that every
 * layer matters, the last ones too, which a fresh network has zero.
 */
import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { crc32, gunzipSync } from 'node:zlib'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    zeros: { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
})
const [name, path] = positionals
const list = JSON.parse(
  gunzipSync(readFileSync(new URL('../golden/vectors/published-models.json.gz', import.meta.url))).toString(),
)
if (options.help || !path || !(list[name] || name.endsWith('.json'))) {
  console.error('node tooling/published/write.mjs NAME FILE.pt [--seed 1] [--zeros]')
  console.error(`NAME: ${Object.keys(list).join(', ')}; or a JSON file of names and shapes`)
  process.exit(options.help ? 0 : 2)
}

const shapes = list[name]?.tensors ?? JSON.parse(readFileSync(name, 'utf8'))
const tensors = Object.entries(shapes).map(([tensor, shape]) => ({
  tensor,
  shape,
  count: shape.reduce((product, length) => product * length, 1),
}))

const prefix = path.replace(/^.*\//, '').replace(/\.pt$/, '')
const file = await open(path, 'w')
const entries = []
let offset = 0

await entry('data.pkl', pickle())
await entry('byteorder', Buffer.from('little'))
for (const [key, { tensor, shape, count }] of tensors.entries()) {
  if (options.zeros) await hole(`data/${key}`, 4 * count)
  else await entry(`data/${key}`, bytesOf(randomWeights(tensor, shape, count)))
}
await entry('version', Buffer.from('3\n'))
await entry('.data/serialization_id', Buffer.from('0'.repeat(40)))
await writeDirectory()
await file.close()
console.log(
  `${path}: ${tensors.length} tensors, ${tensors.reduce((sum, { count }) => sum + count, 0)} parameters`,
)

/** The state dict: an OrderedDict from names to tensors over storages, in pickle's protocol 2. */
function pickle() {
  const parts = [Buffer.from([0x80, 2]), text(0x63, 'collections\nOrderedDict\n'), Buffer.from(')R(')]
  for (const [key, { tensor, shape, count }] of tensors.entries()) {
    const strides = shape.map((_, axis) =>
      shape.slice(axis + 1).reduce((product, length) => product * length, 1),
    )
    parts.push(
      string(tensor),
      text(0x63, 'torch._utils\n_rebuild_tensor_v2\n'),
      Buffer.from('(('),
      string('storage'),
      text(0x63, 'torch\nFloatStorage\n'),
      string(String(key)),
      string('cpu'),
      integer(count),
      Buffer.from('tQ'),
      integer(0),
      Buffer.from('('),
      ...shape.map(integer),
      Buffer.from('t('),
      ...strides.map(integer),
      Buffer.from([0x74, 0x89]),
      text(0x63, 'collections\nOrderedDict\n'),
      Buffer.from(')RtR'),
    )
  }
  return Buffer.concat([...parts, Buffer.from('u.')])
}

function text(opcode, value) {
  return Buffer.concat([Buffer.from([opcode]), Buffer.from(value)])
}

function string(value) {
  const bytes = Buffer.from(value)
  const head = Buffer.alloc(5)
  head[0] = 0x58
  head.writeUInt32LE(bytes.length, 1)
  return Buffer.concat([head, bytes])
}

function integer(value) {
  const bytes = Buffer.alloc(5)
  bytes[0] = 0x4a
  bytes.writeInt32LE(value, 1)
  return bytes
}

/** A stored entry; its bytes begin at a multiple of 64, as PyTorch pads them. */
async function entry(short, bytes) {
  await place(short, bytes.length, crc32(bytes))
  await file.write(bytes, 0, bytes.length, offset)
  offset += bytes.length
}

/** An entry of zeros that are not written. */
async function hole(short, size) {
  const zeros = Buffer.alloc(2 ** 20)
  let crc = 0
  for (let left = size; left > 0; left -= zeros.length)
    crc = crc32(zeros.subarray(0, Math.min(left, zeros.length)), crc)
  await place(short, size, crc)
  offset += size
}

async function place(short, size, crc) {
  const named = Buffer.from(`${prefix}/${short}`)
  const padding = (64 - ((offset + 30 + named.length + 4) % 64)) % 64
  const head = Buffer.alloc(30 + named.length + 4 + padding)
  head.writeUInt32LE(0x04034b50, 0)
  head.writeUInt32LE(crc, 14)
  head.writeUInt32LE(size, 18)
  head.writeUInt32LE(size, 22)
  head.writeUInt16LE(named.length, 26)
  head.writeUInt16LE(4 + padding, 28)
  named.copy(head, 30)
  head.write('FB', 30 + named.length)
  head.writeUInt16LE(padding, 30 + named.length + 2)
  entries.push({ named, size, crc, offset })
  await file.write(head, 0, head.length, offset)
  offset += head.length
}

async function writeDirectory() {
  const records = entries.map(({ named, size, crc, offset: at }) => {
    const record = Buffer.alloc(46 + named.length)
    record.writeUInt32LE(0x02014b50, 0)
    record.writeUInt32LE(crc, 16)
    record.writeUInt32LE(size, 20)
    record.writeUInt32LE(size, 24)
    record.writeUInt16LE(named.length, 28)
    record.writeUInt32LE(at, 42)
    named.copy(record, 46)
    return record
  })
  const directory = Buffer.concat(records)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  await file.write(Buffer.concat([directory, end]), 0, directory.length + 22, offset)
}

/** Uniform numbers of mean 0; scales of normalisation are around 1, biases small. */
function randomWeights(tensor, shape, count) {
  let state = seedOf(`${options.seed}/${tensor}`)
  const isVector = shape.length === 1
  const isScale = isVector && tensor.endsWith('.weight')
  const inputs = shape.slice(1).reduce((product, length) => product * length, 1)
  const width = isVector ? 0.1 : tensor === 'label_emb.weight' ? 0.5 : Math.sqrt(3 / inputs)
  const result = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    result[i] = (isScale ? 1 : 0) + ((state >>> 0) / 2 ** 31 - 1) * width
  }
  return result
}

/** FNV-1a of the text, scrambled; never 0. */
function seedOf(value) {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(value)) hash = Math.imul(hash ^ byte, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0 || 1
}

function bytesOf(array) {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength)
}
