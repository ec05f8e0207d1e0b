import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

const conditions = ['@guided-diffusion/source', 'node', 'module', 'import', 'default']

/** Where to leave a report as JSON, for those who count tests. */
const reports = process.env.GUIDED_DIFFUSION_TEST_REPORTS
const name = (process.env.npm_package_name ?? `process-${process.pid}`).replace(/\W+/g, '-')

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['node', 'import', 'default'] } },
  test: {
    include: ['src/**/*.test.ts', '*.test.{ts,mjs}'],
    // what is stuck ends; a slow machine is no failure
    testTimeout: 300_000,
    hookTimeout: 300_000,
    passWithNoTests: true,
    pool: 'forks',
    reporters: reports
      ? ['default', ['json', { outputFile: join(reports, `${name}-${process.pid}.json`) }]]
      : ['default'],
  },
})
