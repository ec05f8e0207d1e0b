/**
 * The gradients of all operations of `@tensorflow/tfjs-core`. In Node the library comes without them, and the
 * module that registers them can't be imported there (its relative imports lack extensions): it is bundled at
 * build time.
 */
export async function registerGradients(): Promise<void> {
  await import('#tfjs-gradients')
}
