/** Nothing of this is for our packages: it only says where the program begins. */
export default {
  mode: 'production',
  entry: './src/main.js',
  performance: { hints: false },
}
