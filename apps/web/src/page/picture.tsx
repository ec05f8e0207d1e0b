import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

/** RGBA of a picture, and its sides in pixels. */
export interface Pixels {
  readonly colours: Uint8ClampedArray<ArrayBuffer>
  readonly width: number
  readonly height: number
}

/** A picture of few pixels, drawn as large as its place is. Without pixels it is an empty place, with a word for what goes there. */
export function Picture({
  pixels,
  label,
  tone,
  empty,
}: {
  pixels: Pixels | undefined
  label: string
  tone?: 'free' | 'guided' | undefined
  empty?: ComponentChildren
}) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const { width = 28, height = 28, colours } = pixels ?? {}
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (colours) context?.putImageData(new ImageData(colours, width, height), 0, 0)
  }, [colours, width, height])
  if (!pixels) return <div class="picture none">{empty}</div>
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
