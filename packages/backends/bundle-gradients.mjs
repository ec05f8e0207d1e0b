/** Bundles tfjs-core's gradients into one module that Node and browsers can import. */
import { rolldown } from 'rolldown'

const bundle = await rolldown({
  input: '@tensorflow/tfjs-core/dist/register_all_gradients.js',
  external: ['@tensorflow/tfjs-core'],
  platform: 'neutral',
  treeshake: { moduleSideEffects: true },
})
await bundle.write({ file: 'dist/tfjs-gradients.js', format: 'esm', minify: true })
await bundle.close()
