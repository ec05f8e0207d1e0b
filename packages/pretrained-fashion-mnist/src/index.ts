/** Weights of the denoiser: an ADM UNet, 3,073,570 parameters, float16 safetensors. */
export const denoiser: URL = new URL('../weights/denoiser.safetensors', import.meta.url)

/** Weights of the noise-aware classifier: an encoder UNet, float16 safetensors. */
export const classifier: URL = new URL('../weights/classifier.safetensors', import.meta.url)

/** Height, width and channels of the images. */
export const shape: readonly [28, 28, 1] = [28, 28, 1]

/** What the labels 0 … 9 stand for. */
export const classes: readonly string[] = [
  't-shirt',
  'trouser',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'ankle-boot',
]

/** The process that both networks were trained for. */
export const diffusion = {
  schedule: 'cosine',
  steps: 1000,
  prediction: 'v',
  variance: 'learned-range',
} as const
