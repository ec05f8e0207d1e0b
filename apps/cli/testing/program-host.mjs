/**
 * Runs the built program again and again in one process: each message is a line of arguments, each answer what it wrote
 * and its exit code. Only what a process has once is put back between runs: the folder, the exit code, handlers of
 * signals. The program's main module is evaluated anew each time; the modules below it stay loaded.
 */
const main = new URL('../dist/main.js', import.meta.url)

/** Ends a run where the program calls `process.exit`. */
class Exit {}

const own = {
  stdout: process.stdout.write.bind(process.stdout),
  stderr: process.stderr.write.bind(process.stderr),
}
let runs = 0

process.on('message', async ({ args, cwd }) => {
  const outcome = await run(args, cwd).catch((error) => ({ fault: String(error?.stack ?? error) }))
  process.send(outcome)
})

async function run(args, cwd) {
  const text = { stdout: '', stderr: '' }
  let code
  const write = (stream) => (piece, encoding, then) => {
    // what a program does after its end is not seen
    if (code === undefined) text[stream] += typeof piece === 'string' ? piece : Buffer.from(piece).toString()
    const done = typeof encoding === 'function' ? encoding : then
    if (done) process.nextTick(done)
    return true
  }
  process.chdir(cwd)
  process.argv.splice(2, Infinity, ...args)
  process.exitCode = undefined
  process.exit = (given = process.exitCode ?? 0) => {
    code ??= Number(given)
    throw new Exit()
  }
  process.stdout.write = write('stdout')
  process.stderr.write = write('stderr')
  try {
    await import(`${main}?run=${++runs}`)
  } catch (error) {
    if (!(error instanceof Exit)) throw error
  } finally {
    process.stdout.write = own.stdout
    process.stderr.write = own.stderr
    process.stdout.removeAllListeners('error')
    for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal)
  }
  code ??= Number(process.exitCode ?? 0)
  process.exitCode = undefined
  return { code, ...text }
}
