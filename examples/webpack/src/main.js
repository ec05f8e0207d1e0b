import { fastestBackend, startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { wasm } from '@guided-diffusion/backends/wasm'
import { webgpu } from '@guided-diffusion/backends/webgpu'
import { loadClassifier } from '@guided-diffusion/classifier'
import { compiledSteps } from '@guided-diffusion/compile'
import { onnxRuntimeWeb } from '@guided-diffusion/compile/web'
import { ddim, describedDiffusion, generate } from '@guided-diffusion/diffusion'
import { classifierGuidance, unconditional } from '@guided-diffusion/guidance'
import { loadUNet } from '@guided-diffusion/models'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'

// index.html?engine=wasm&steps=25
const wanted = new URLSearchParams(location.search)
const steps = Number(wanted.get('steps') ?? 25)
const labels = Int32Array.of(7, 8, 9)

/** Starts an engine of TensorFlow.js; `onnx` runs whole steps as graphs in ONNX Runtime beside it. */
async function start(engine) {
  if (engine === 'wasm') return startBackend([wasm()])
  if (engine === 'webgpu') return startBackend([webgpu()])
  if (engine === 'onnx') {
    await startBackend([cpu()])
    const runtime = await onnxRuntimeWeb()
    return { description: runtime.description, runtime }
  }
  return fastestBackend([webgpu(), wasm()])
}

function draw(pixels, size) {
  const canvas = Object.assign(document.createElement('canvas'), { width: size, height: size })
  const image = new ImageData(size, size)
  for (const [i, value] of pixels.entries())
    image.data.set([...Array(3).fill((value + 1) * 127.5), 255], 4 * i)
  canvas.getContext('2d').putImageData(image, 0, 0)
  document.querySelector('#images').append(canvas)
}

try {
  const { description, runtime } = await start(wanted.get('engine') ?? 'auto')
  const denoiser = await loadUNet(pretrained.denoiser)
  const classifier = await loadClassifier(pretrained.classifier)
  const weights = [denoiser.parameters, classifier.parameters]
  const began = performance.now()
  const images = await generate({
    diffusion: describedDiffusion(pretrained.diffusion, `ddim${steps}`),
    denoiser: unconditional(denoiser),
    guidance: classifierGuidance(classifier, { scale: 4 }),
    sampler: ddim(),
    shape: pretrained.shape,
    labels,
    seed: 1,
    ...(runtime ? { execute: compiledSteps({ runtime, weights }).execute } : {}),
  })
  const pixels = await images.data()
  const [size] = pretrained.shape
  for (let i = 0; i < labels.length; i++) draw(pixels.slice(i * size * size, (i + 1) * size * size), size)
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  document.querySelector('#status').textContent = `Done in ${seconds} s on ${description}`
} catch (error) {
  document.querySelector('#status').textContent = `Failed: ${error.message} ${error.advice ?? ''}`
  throw error
}
