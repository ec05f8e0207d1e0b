import { createInterface } from 'node:readline'

/**
 * The dialogue of `pytorch/serve.py`, for a side that runs in Node.
 *
 * @param {(config: any) => Promise<{ facts: object, run: (units: number) => Promise<void> }>} main
 */
export async function serve(main) {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`)
  const { facts, run } = await main(JSON.parse((await lines.next()).value))
  say(facts)
  for await (const line of lines) {
    const began = performance.now()
    await run(Number(line))
    say({
      seconds: (performance.now() - began) / 1000,
      memory: process.resourceUsage().maxRSS * 1024,
    })
  }
}
