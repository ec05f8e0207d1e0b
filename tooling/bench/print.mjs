/** @param {number | undefined} peak FLOP/s */
export function print(results, peak) {
  const shown = (value) => (value === null ? 'absent' : `${value.toPrecision(3)} s`)
  console.log(`${'case'.padEnd(24)} ${'ours'.padEnd(10)} ${'PyTorch'.padEnd(10)} ratio`)
  for (const result of results) {
    const {
      name,
      ours,
      pytorch,
      ratio,
      peer,
      unit,
      engine,
      operations,
      memory,
      peers,
      samplesPerSecond: rate,
    } = result
    const verdict = ratio === null ? peer : ratio.toFixed(2)
    console.log(`${name.padEnd(24)} ${shown(ours).padEnd(10)} ${shown(pytorch).padEnd(10)} ${verdict}`)
    const others = rate.pytorch === null ? '' : `, ${rate.pytorch.toFixed(1)} by ${peer}`
    console.log(`  ${unit}, ${engine}: ${rate.ours.toFixed(1)} samples a second${others}`)
    if (operations) {
      const share = peak ? `, ${((100 * operations) / ours / peak).toFixed(0)}% of the peak` : ''
      console.log(`  ${(operations / ours / 1e9).toFixed(0)} GFLOP/s${share}`)
    }
    const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`
    const beside = memory.pytorch === null ? '' : `, ${gigabytes(memory.pytorch)} by PyTorch`
    console.log(`  peak memory of the process ${gigabytes(memory.ours)}${beside}`)
    for (const { name: library, seconds, ratio: times, reason, engine: theirs, once } of peers) {
      const how = reason ?? `${times.toFixed(2)}   ${theirs}${once ? '; one unit, out of turn' : ''}`
      console.log(`  ${library.padEnd(33)} ${shown(seconds).padEnd(10)} ${how}`)
    }
  }
}
