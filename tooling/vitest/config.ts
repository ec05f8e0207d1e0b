import { defineConfig } from 'vitest/config'

const conditions = ['@guided-diffusion/source', 'node', 'module', 'import', 'default']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['node', 'import', 'default'] } },
  test: { include: ['src/**/*.test.ts'], testTimeout: 60_000, passWithNoTests: true, pool: 'forks' },
})
