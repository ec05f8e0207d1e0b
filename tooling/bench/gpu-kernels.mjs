/** Kernels on a graphics card: ours beside those that TensorFlow.js has as it comes, each side in a process of its own. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const sides = ['stock', 'float32', 'float16']
const script = fileURLToPath(new URL('peers/kernels.mjs', import.meta.url))

export async function measureKernels() {
  const results = {}
  for (const side of sides) results[side] = await timeSide(side)
  const first = sides.find((side) => results[side].length > 0)
  if (!first) return results
  console.log('| kernel | shape | stock | ours | times stock | TFLOP/s or GB/s | float16 | times stock |')
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- |')
  results[first].forEach(({ what, shape, operations, bytes }, i) => {
    const [stock, single, half] = sides.map((side) => results[side][i]?.seconds)
    const times = (seconds) => (stock && seconds ? (stock / seconds).toPrecision(3) : '')
    const rate = single ? (operations ? operations / single / 1e12 : bytes / single / 1e9).toPrecision(3) : ''
    const cells = [what, shape, time(stock), time(single), times(single), rate, time(half), times(half)]
    console.log(`| ${cells.join(' | ')} |`)
  })
  return results
}

const time = (seconds) => (seconds ? `${(seconds * 1e6).toPrecision(3)} µs` : 'does not run')

async function timeSide(side) {
  const child = spawn(process.execPath, [script, side], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [output, errors] = ['', '']
  child.stdout.on('data', (data) => {
    output += data
  })
  child.stderr.on('data', (data) => {
    errors += data
  })
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  if (code !== 0) console.log(`${side}: ${errors.trim().split('\n').at(-1) || `ended with ${code}`}`)
  return output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}
