/** What runs a case beside ours and PyTorch's. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPeer } from './peer.mjs'

/**
 * @typedef {object} PeerSpec
 * @property {string} name
 * @property {boolean} [once] Takes so long that it is measured by one unit, before the turns.
 * @property {(bench: import('./measure.mjs').Case, options: { python: string, threads: number }) => Promise<import('./peer.mjs').Peer>} start
 */

/**
 * The same UNet, exported to ONNX by PyTorch itself and run untouched by our ONNX Runtime.
 *
 * @type {PeerSpec}
 */
export const exportedByPyTorch = {
  name: "PyTorch's export",
  async start({ config }, { python, threads }) {
    const folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-export-'))
    const remove = () => rm(folder, { recursive: true, force: true })
    try {
      const told = { ...config, threads, path: join(folder, 'unet.onnx') }
      const { facts, reason, end } = await startPeer(python, 'pytorch/export_unet.py', told)
      end()
      if (reason) {
        await remove()
        return { reason, end }
      }
      const session = await startPeer(process.execPath, 'peers/onnxruntime.mjs', told)
      const engine = `ONNX Runtime ${session.facts?.version}`
      return {
        ...session,
        facts: { ...facts, engine: `${engine}, by ${facts.exporter} of PyTorch ${facts.version}` },
        end: async () => {
          session.end()
          await remove()
        },
      }
    } catch (error) {
      await remove()
      throw error
    }
  },
}

/**
 * Our network on a backend of TensorFlow.js as it comes, without kernels of ours.
 *
 * @param {'tensorflow' | 'wasm' | 'cpu'} backend
 * @param {{ once?: boolean }} [options]
 * @returns {PeerSpec}
 */
export const stockTensorFlowJs = (backend, options) => ({
  ...options,
  name: `TensorFlow.js ${backend}`,
  start: ({ config }, { threads }) =>
    startPeer(process.execPath, 'peers/tensorflow-js.mjs', { ...config, threads, backend }),
})
