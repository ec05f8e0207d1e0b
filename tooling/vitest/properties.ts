/**
 * Property tests with the same cases in every run, so that a change fails or passes by what it does. `FAST_CHECK_SEED`
 * names other cases: a number, or `random` for those of the clock, which a failure tells.
 */
import fc from 'fast-check'

const { FAST_CHECK_SEED: named = '1' } = process.env
if (named !== 'random') fc.configureGlobal({ seed: Number(named) })

export default fc
