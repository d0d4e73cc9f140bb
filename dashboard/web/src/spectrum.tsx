// SPDX-License-Identifier: Apache-2.0
// The spectrum of an embedding over the run, and its rows in a plane.
import { useEffect, useRef, useState } from "preact/hooks"
import type { Spectrum } from "./api"
import { grouped } from "./format"
import { palette, useScheme } from "./theme"

/** useCanvas draws on a canvas that is as wide as its place, and again when something changes. */
function useCanvas(height: number, draw: (c: CanvasRenderingContext2D, width: number, height: number) => void, on: unknown[]) {
  const ref = useRef<HTMLCanvasElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const parent = ref.current?.parentElement
    if (!parent) return
    const watch = new ResizeObserver(() => setWidth(parent.clientWidth))
    watch.observe(parent)
    return () => watch.disconnect()
  }, [])
  useEffect(() => {
    const canvas = ref.current, c = canvas?.getContext("2d")
    if (!canvas || !c || width < 40) return
    canvas.width = width * devicePixelRatio
    canvas.height = height * devicePixelRatio
    canvas.style.width = `${width}px`
    canvas.style.height = `${height}px`
    c.scale(devicePixelRatio, devicePixelRatio)
    c.font = "11px system-ui, sans-serif"
    draw(c, width, height)
  }, [width, height, ...on])
  return ref
}

const floor = -4 // the least power of ten that is drawn

/** Heat draws the singular values of every evaluation: a column for each, light where a direction is empty. */
export function Heat({ spectra, at }: { spectra: Spectrum[]; at: number }) {
  const dark = useScheme()
  const rows = Math.max(...spectra.map(s => s.values.length))
  const ref = useCanvas(220, (c, width, height) => {
    const ink = palette(), left = 44, bottom = 26, w = width - left - 8, h = height - bottom - 6
    const wide = w / spectra.length
    spectra.forEach((s, i) => {
      const most = s.values[0] || 1
      for (let y = 0; y < h; y++) {
        const v = s.values[Math.floor(y / h * rows)]
        const power = v && v > 0 ? Math.max(floor, Math.log10(v / most)) : floor
        c.fillStyle = ramp(1 - power / floor, dark)
        c.fillRect(left + i * wide, 6 + y, wide + 0.6, 1)
      }
    })
    c.strokeStyle = ink.link
    c.lineWidth = 2
    c.strokeRect(left + at * wide, 6, wide, h)
    c.fillStyle = ink.dim
    c.textAlign = "right"
    c.fillText("1", left - 6, 14)
    c.fillText(grouped(rows), left - 6, 6 + h)
    c.textAlign = "left"
    c.fillText(`step ${grouped(spectra[0]!.step)}`, left, height - 8)
    c.textAlign = "right"
    c.fillText(grouped(spectra[spectra.length - 1]!.step), width - 8, height - 8)
  }, [spectra, at, dark])
  const shown = spectra[at]!
  const above = shown.values.filter(v => v > (shown.values[0] || 1) / 100).length
  return <figure class="chart"><figcaption><span class="title">Singular values, largest at the top · dark: the direction is in use</span></figcaption>
    <div class="plot"><canvas ref={ref} role="img" aria-label={`At step ${shown.step} ${above} of ${shown.values.length} directions have more than a hundredth of the largest singular value.`} /></div>
    <p class="hint">Step {grouped(shown.step)}: {above} of {grouped(shown.values.length)} directions have more than a hundredth of the largest one.</p></figure>
}

/** Ramp is a colour from empty (0) to in use (1). */
function ramp(v: number, dark: boolean): string {
  const a = dark ? [27, 31, 37] : [244, 246, 248], b = dark ? [120, 190, 255] : [8, 60, 115]
  const mix = a.map((x, i) => Math.round(x + (b[i]! - x) * v))
  return `rgb(${mix.join(" ")})`
}

/** Points draws rows of the embedding, at length 1, on their two directions of largest spread. All evaluations have one scale. */
export function Points({ spectrum, all }: { spectrum: Spectrum; all: Spectrum[] }) {
  const dark = useScheme()
  const limit = Math.max(0.25, ...all.flatMap(s => (s.points ?? []).flat().filter(Number.isFinite).map(Math.abs)))
  const ref = useCanvas(220, (c, width, height) => {
    const ink = palette(), side = Math.min(width, height) - 12, x0 = (width - side) / 2, y0 = (height - side) / 2
    c.strokeStyle = ink.line
    c.strokeRect(x0, y0, side, side)
    spectrum.points?.forEach(([x, y], i) => {
      if (!Number.isFinite(x) || !Number.isFinite(y)) return
      const label = spectrum.labels?.[i] ?? -1
      c.fillStyle = label < 0 ? ink.dim : ink.series[label % ink.series.length]!
      c.beginPath()
      c.arc(x0 + side / 2 + x / limit * side / 2, y0 + side / 2 - y / limit * side / 2, 2.5, 0, 7)
      c.fill()
    })
  }, [spectrum, limit, dark])
  if (!spectrum.points?.length) return null
  return <figure class="chart"><figcaption><span class="title">Embeddings in a plane · the same scale at every step</span></figcaption>
    <div class="plot"><canvas ref={ref} role="img" aria-label={`${spectrum.points.length} embeddings of step ${spectrum.step} on their two directions of largest spread; the square reaches from -${limit.toFixed(2)} to ${limit.toFixed(2)}`} /></div></figure>
}
