import { useLayoutEffect, useRef } from 'preact/hooks'

/** RGBA of a picture, and its sides in pixels. */
export interface Pixels {
  readonly colours: Uint8ClampedArray<ArrayBuffer>
  readonly width: number
  readonly height: number
}

/** A picture of few pixels, drawn as large as its place is. Without pixels it is an empty tile. */
export function Picture({
  pixels,
  label,
  tone,
}: {
  pixels: Pixels | undefined
  label: string
  tone?: 'free' | 'guided' | undefined
}) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const { width = 28, height = 28, colours } = pixels ?? {}
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (!context) return
    if (colours) context.putImageData(new ImageData(colours, width, height), 0, 0)
    else context.clearRect(0, 0, width, height)
  }, [colours, width, height])
  return (
    <canvas
      ref={canvas}
      class={`picture ${tone ?? ''}`}
      width={width}
      height={height}
      role="img"
      aria-label={label}
    />
  )
}
