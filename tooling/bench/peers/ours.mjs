/** Our side of a case, on an engine, in a process of its own. */
import { startEngine } from '../engines.mjs'
import { gpuCases } from '../gpu-cases.mjs'
import { serve } from './serve.mjs'

await serve(async ({ case: name, engine: wanted }) => {
  const engine = await startEngine(wanted)
  const { facts, figures, run } = await gpuCases.find((each) => each.name === name).start(engine)
  return { facts: { ...facts, figures, engine: engine.description }, run }
})
