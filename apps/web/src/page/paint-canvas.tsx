import { useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Wish } from '../plan.ts'
import { type Paint, painted } from '../wish.ts'

/** Where a wish is painted: by pointer, or by arrow keys and space. */
export function PaintCanvas({
  wish,
  paint,
  radius,
  shape: [height, width, channels],
  under,
  onPaint,
}: {
  wish: Wish
  paint: Paint
  radius: number
  shape: readonly [number, number, number]
  /** A picture that shines through faintly. */
  under: Uint8Array | undefined
  onPaint: (wish: Wish) => void
}) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const cursor = useSignal({ x: (width - 1) / 2, y: (height - 1) / 2 })
  const focused = useSignal(false)
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d')
    context?.putImageData(new ImageData(coloursOf(wish, channels, under), width, height), 0, 0)
  }, [wish, under, width, height, channels])
  const stroke = (from: Wish, x: number, y: number) => {
    const next = painted(from, paint, { x, y, radius })
    onPaint(next)
    return next
  }
  const pointed = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect()
    const at = {
      x: ((event.clientX - box.left) / box.width) * width - 0.5,
      y: ((event.clientY - box.top) / box.height) * height - 0.5,
    }
    cursor.value = at
    if (event.buttons & 1) stroke(wish, at.x, at.y)
  }
  const moves: Readonly<Record<string, readonly [number, number]>> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  }
  const pressed = (event: KeyboardEvent) => {
    const move = moves[event.key]
    if (move) {
      const { x, y } = cursor.value
      cursor.value = {
        x: Math.min(width - 1, Math.max(0, Math.round(x + move[0]))),
        y: Math.min(height - 1, Math.max(0, Math.round(y + move[1]))),
      }
      if (event.shiftKey) stroke(wish, cursor.value.x, cursor.value.y)
    } else if (event.key === ' ') {
      stroke(wish, cursor.value.x, cursor.value.y)
    } else return
    event.preventDefault()
  }
  const count = wish.mask.reduce((sum, each) => sum + each, 0)
  return (
    <div
      class="paint-canvas"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it takes keys
      tabIndex={0}
      aria-label={`Canvas to paint a wish on: ${count} of ${wish.mask.length} pixels painted. Arrow keys move the brush, space paints, shift and an arrow key paint a line.`}
      onPointerDown={(event) => {
        ;(event.currentTarget as HTMLElement).setPointerCapture(event.pointerId)
        pointed(event)
      }}
      onPointerMove={pointed}
      onKeyDown={pressed}
      onFocus={() => {
        focused.value = true
      }}
      onBlur={() => {
        focused.value = false
      }}
    >
      <canvas ref={canvas} class="picture" width={width} height={height} />
      <span
        class="brush"
        style={{
          left: `${(100 * (cursor.value.x + 0.5)) / width}%`,
          top: `${(100 * (cursor.value.y + 0.5)) / height}%`,
          width: `${(200 * Math.max(radius, 0.5)) / width}%`,
        }}
      />
    </div>
  )
}

/** Paint over a picture that shines through, over a chequered ground. */
function coloursOf(
  { mask, target }: Wish,
  channels: number,
  under: Uint8Array | undefined,
): Uint8ClampedArray<ArrayBuffer> {
  const side = Math.sqrt(mask.length)
  const colours = new Uint8ClampedArray(mask.length * 4)
  for (let pixel = 0; pixel < mask.length; pixel++) {
    const chequer = (Math.floor(pixel / side) + (pixel % side)) % 2 === 0 ? 104 : 112
    for (let c = 0; c < 3; c++) {
      const i = pixel * channels + (channels === 1 ? 0 : c)
      const ground = under ? chequer * 0.7 + (under[i] as number) * 0.3 : chequer
      colours[4 * pixel + c] = mask[pixel] ? (target[i] as number) : ground
    }
    colours[4 * pixel + 3] = 255
  }
  return colours
}
