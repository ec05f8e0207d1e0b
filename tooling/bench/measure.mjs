import { startEngine } from './engines.mjs'
import { startPeer } from './peer.mjs'

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} what One line about the unit of work.
 * @property {string} rate What is counted a second.
 * @property {number} amount How many of them a unit makes.
 * @property {number} units Units in a round.
 * @property {number} rounds
 * @property {'tensorflow' | 'onnx'} engine What our side runs on.
 * @property {string} script The PyTorch side, in `pytorch/`.
 * @property {object} config What the other sides are told.
 * @property {readonly import('./peers.mjs').PeerSpec[]} [peers] Beside PyTorch.
 * @property {(engine: import('./engines.mjs').Engine) => Promise<{ facts: Record<string, number>, figures?: Record<string, number>, run(units: number): Promise<void>, end(): Promise<void> }>} start
 */

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** @type {import('./peers.mjs').PeerSpec} */
const pytorch = {
  name: 'PyTorch',
  start: (bench, { python, threads }) =>
    startPeer(python, `pytorch/${bench.script}`, { ...bench.config, threads }),
}

/**
 * One case: ours and the others in turns.
 *
 * @param {Case} bench
 * @param {{ python: string, threads: number, rounds: number | undefined }} options
 */
export async function measure(bench, { rounds = bench.rounds, ...options }) {
  const engine = await startEngine(bench.engine)
  const ours = await bench.start(engine)
  const sides = []
  try {
    for (const spec of [pytorch, ...(bench.peers ?? [])]) {
      const side = await startSide(spec, bench, ours.facts, options)
      sides.push(side)
      process.stderr.write(
        `${bench.name}: ${side.name} ${side.reason ? `absent, ${side.reason}` : 'is ready'}\n`,
      )
    }
    await ours.run(1)
    const seconds = []
    for (let round = 0; round < rounds; round++) {
      const began = performance.now()
      await ours.run(bench.units)
      seconds.push((performance.now() - began) / 1000 / bench.units)
      for (const side of sides) await side.takeTurn(bench.units)
      process.stderr.write(`${bench.name}: round ${round + 1} of ${rounds}\n`)
    }
    return resultOf(bench, ours, { description: engine.description, seconds, sides })
  } finally {
    await ours.end()
    for (const side of sides) await side.end()
  }
}

/**
 * A peer that has made one pass. What cannot has a `reason`; what is measured once has its time, and has ended.
 *
 * @param {import('./peers.mjs').PeerSpec} spec
 */
async function startSide(spec, bench, facts, options) {
  const peer = await spec.start(bench, options)
  const { name, once = false } = spec
  const side = {
    name,
    once,
    facts: peer.facts,
    reason: peer.reason,
    seconds: [],
    memory: null,
    end: peer.end,
  }
  const take = async (units) => {
    const { seconds, memory } = await peer.run(units)
    side.seconds.push(seconds / units)
    side.memory = memory
  }
  side.takeTurn = async (units) => {
    if (!side.reason && !once) await take(units)
  }
  if (side.reason) return side
  try {
    requireSameNetworks(bench.name, name, facts, peer.facts)
  } catch (error) {
    await peer.end()
    throw error
  }
  try {
    await peer.run(1)
    if (once) await take(1)
  } catch (error) {
    side.reason = error.message
  }
  if (once) await peer.end()
  return side
}

/** All sides must have the same numbers of parameters. */
export function requireSameNetworks(bench, peer, ours, theirs) {
  for (const [key, value] of Object.entries(ours))
    if (theirs[key] !== value) throw new Error(`${bench}: ${key} is ${value} here, ${theirs[key]} in ${peer}`)
}

function resultOf(bench, ours, { description, seconds, sides }) {
  const mine = median(seconds)
  const [{ facts, reason, ...theirs }, ...peers] = sides
  const pytorch = reason ? null : median(theirs.seconds)
  return {
    name: bench.name,
    ours: mine,
    pytorch,
    ratio: pytorch === null ? null : pytorch / mine,
    unit: bench.what,
    [bench.rate]: { ours: bench.amount / mine, pytorch: pytorch === null ? null : bench.amount / pytorch },
    rounds: { ours: seconds, pytorch: theirs.seconds },
    engine: description,
    networks: ours.facts,
    ...ours.figures,
    // of the whole processes, each of which has one case
    memory: { ours: process.resourceUsage().maxRSS * 1024, pytorch: theirs.memory },
    peer: reason ?? `PyTorch ${facts.version}, ${facts.threads} threads`,
    peers: peers.map((side) => peerResult(side, mine)),
  }
}

function peerResult({ name, once, facts, reason, seconds: rounds, memory }, ours) {
  if (reason) return { name, seconds: null, ratio: null, reason }
  const seconds = median(rounds)
  return { name, seconds, ratio: seconds / ours, once, rounds, memory, engine: facts.engine }
}
