// SPDX-License-Identifier: Apache-2.0
// A scatter plot of up to a few thousand points on a canvas. It needs no WebGL.
import { useEffect, useRef, useState } from "preact/hooks"
import { palette, useScheme, type Ink } from "./theme"

export interface Cloud { x: number[]; y: number[] }

interface Props {
  cloud: Cloud
  /** colour of a point */
  colour: (i: number, ink: Ink, dark: boolean) => string
  /** whether a point is drawn faintly */
  faint: (i: number) => boolean
  pinned: number // a point, or -1
  linked: number[] // points that a line joins to the pinned one
  label: string // what the plot shows, in words
  onHover: (i: number, x: number, y: number) => void // -1: no point
  onPick: (i: number) => void
  redraw: unknown // changes when colours do
}

const margin = 16, near = 14 // px

/** Scaled places points in the unit square, so that the farthest of them touches its border. Both axes have one scale. */
function scaled(cloud: Cloud): Float64Array {
  let most = 1e-9
  for (let i = 0; i < cloud.x.length; i++) most = Math.max(most, Math.abs(cloud.x[i]!), Math.abs(cloud.y[i]!))
  const at = new Float64Array(2 * cloud.x.length)
  for (let i = 0; i < cloud.x.length; i++) {
    at[2 * i] = 0.5 + cloud.x[i]! / most / 2
    at[2 * i + 1] = 0.5 - cloud.y[i]! / most / 2
  }
  return at
}

export function Scatter({ cloud, colour, faint, pinned, linked, label, onHover, onPick, redraw }: Props) {
  const dark = useScheme()
  const box = useRef<HTMLDivElement>(null), canvas = useRef<HTMLCanvasElement>(null)
  const [side, setSide] = useState(0)
  const shown = useRef<Float64Array>(new Float64Array()) // where points are now, in the unit square
  const [frame, setFrame] = useState(0)

  useEffect(() => {
    const element = box.current
    if (!element) return
    const watch = new ResizeObserver(() => setSide(Math.floor(Math.min(element.clientWidth, Math.max(280, innerHeight - 220)))))
    watch.observe(element)
    return () => watch.disconnect()
  }, [])

  // Points glide to their places in the next map, so that the eye can follow them.
  useEffect(() => {
    const to = scaled(cloud), from = shown.current
    if (from.length !== to.length || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      shown.current = to
      setFrame(f => f + 1)
      return
    }
    const began = performance.now(), start = from.slice()
    let handle = 0
    const move = (now: number) => {
      const t = Math.min(1, (now - began) / 350), ease = t * t * (3 - 2 * t)
      const at = new Float64Array(to.length)
      for (let i = 0; i < at.length; i++) at[i] = start[i]! + (to[i]! - start[i]!) * ease
      shown.current = at
      setFrame(f => f + 1)
      if (t < 1) handle = requestAnimationFrame(move)
    }
    handle = requestAnimationFrame(move)
    return () => cancelAnimationFrame(handle)
  }, [cloud])

  const place = (i: number): [number, number] => [
    margin + shown.current[2 * i]! * (side - 2 * margin), margin + shown.current[2 * i + 1]! * (side - 2 * margin)]

  useEffect(() => {
    const element = canvas.current, c = element?.getContext("2d")
    if (!element || !c || side < 40) return
    element.width = element.height = side * devicePixelRatio
    c.scale(devicePixelRatio, devicePixelRatio)
    const ink = palette(), n = shown.current.length / 2, size = n > 2000 ? 2 : 3.2
    const draw = (i: number, radius: number) => {
      const [x, y] = place(i)
      c.beginPath()
      c.arc(x, y, radius, 0, 7)
      c.fill()
    }
    for (const faintly of [true, false]) for (let i = 0; i < n; i++) {
      if (faint(i) !== faintly) continue
      c.globalAlpha = faintly ? 0.12 : 0.85
      c.fillStyle = colour(i, ink, dark)
      draw(i, size)
    }
    c.globalAlpha = 1
    if (pinned >= 0 && pinned < n) {
      const [x, y] = place(pinned)
      c.strokeStyle = ink.dim
      c.lineWidth = 1
      for (const i of linked) if (i < n) {
        c.beginPath()
        c.moveTo(x, y)
        c.lineTo(...place(i))
        c.stroke()
        c.fillStyle = colour(i, ink, dark)
        draw(i, size + 1)
      }
      c.fillStyle = colour(pinned, ink, dark)
      draw(pinned, size + 2)
      c.strokeStyle = ink.ink
      c.lineWidth = 2
      c.beginPath()
      c.arc(x, y, size + 5, 0, 7)
      c.stroke()
    }
  }, [side, frame, dark, pinned, linked, redraw])

  /** nearest is the point below the pointer, or -1. */
  function nearest(e: MouseEvent): [number, number, number] {
    const at = canvas.current!.getBoundingClientRect(), x = e.clientX - at.left, y = e.clientY - at.top
    let best = -1, least = near * near
    for (let i = 0; i < shown.current.length / 2; i++) {
      const [px, py] = place(i), d = (px - x) ** 2 + (py - y) ** 2
      if (d < least && !(faint(i) && i !== pinned)) best = i, least = d
    }
    return [best, x, y]
  }

  return <div class="scatter" ref={box}>
    <canvas ref={canvas} role="img" aria-label={label} style={{ width: `${side}px`, height: `${side}px` }}
      onPointerMove={e => onHover(...nearest(e))} onPointerLeave={() => onHover(-1, 0, 0)} onClick={e => onPick(nearest(e)[0])} />
  </div>
}
