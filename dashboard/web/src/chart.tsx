// SPDX-License-Identifier: Apache-2.0
// A chart of curves over steps or time, drawn by uPlot.
import { useEffect, useMemo, useRef, useState } from "preact/hooks"
import uPlot from "uplot"
import type { Curve, Maybe } from "./api"
import { duration, grouped, number } from "./format"
import { palette, useScheme } from "./theme"

export interface Series { name: string; curve: Curve; colour: number; dashed?: boolean }

export interface Flag { step: number; text: string; kind: "alarm" | "saved" | "other" }

export interface Look { x: "step" | "time"; log: boolean; smooth: number }

interface Props {
  title: string
  series: Series[]
  look: Look
  flags?: Flag[]
  guide?: { value: number; name: string } | undefined
  range?: [number, number] | undefined // of steps
  onZoom?: (range: [number, number] | undefined) => void
  csv?: string | undefined
  height?: number
}

/** Smoothed is the exponential moving average of a curve. A step of the average is a thousandth of the range. */
export function smoothed(x: Maybe[], y: Maybe[], amount: number): Maybe[] {
  if (amount <= 0) return y
  const known = x.filter((v): v is number => typeof v === "number")
  const unit = ((known[known.length - 1] ?? 1) - (known[0] ?? 0)) / 1000 || 1
  let mean = 0, weight = 0, last: number | undefined
  return y.map((v, i) => {
    const at = x[i]
    if (typeof v !== "number" || typeof at !== "number") return v
    const keep = last === undefined ? 0 : Math.pow(amount, Math.max(0, at - last) / unit)
    last = at
    mean = keep * mean + (1 - amount) * v
    weight = keep * weight + (1 - amount)
    return mean / weight
  })
}

/** Finite says whether there is something to draw. */
function anything(series: Series[]): boolean { return series.some(s => s.curve.value.some(v => typeof v === "number")) }

export function Chart({ title, series, look, flags = [], guide, range, onZoom, csv, height = 180 }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const [wide, setWide] = useState(0)
  const [table, setTable] = useState(false)
  const dark = useScheme()
  const timed = look.x === "time" && series.some(s => s.curve.time.some(v => typeof v === "number"))
  const data = useMemo(() => joined(series, timed, look), [series, timed, look.log, look.smooth])
  const shape = series.map(s => s.name + s.colour + s.dashed).join("\n") + timed + look.log + (look.smooth > 0) + dark + height

  useEffect(() => {
    const element = box.current
    if (!element) return
    const watch = new ResizeObserver(entries => setWide(Math.floor(entries[0]?.contentRect.width ?? 0)))
    watch.observe(element)
    return () => watch.disconnect()
  }, [table])

  const latest = useRef({ flags, guide, onZoom, series, timed })
  latest.current = { flags, guide, onZoom, series, timed }

  useEffect(() => {
    if (!box.current || wide < 40 || table) return
    const made = new uPlot(options(title, series, look, timed, wide, height, latest), data, box.current)
    plot.current = made
    return () => {
      made.destroy()
      plot.current = undefined
    }
  }, [shape, wide > 40, table])

  useEffect(() => plot.current?.setSize({ width: wide, height }), [wide, height])
  useEffect(() => plot.current?.setData(data), [data])
  useEffect(() => plot.current?.redraw(false), [flags, guide])
  useEffect(() => {
    const u = plot.current
    if (!u || timed) return
    const all = data[0]
    if (range) u.setScale("x", { min: range[0], max: range[1] })
    else if (all.length) u.setScale("x", { min: all[0]!, max: Math.max(all[all.length - 1]!, all[0]! + 1) })
  }, [range?.[0], range?.[1], data, timed])

  return <figure class="chart">
    <figcaption>
      <span class="title">{title}</span>
      <span class="tools">
        <button type="button" class="quiet" aria-pressed={table} onClick={() => setTable(!table)}>table</button>
        {csv && <a class="quiet" href={csv} download>CSV</a>}
      </span>
    </figcaption>
    {table ? <Values series={series} /> : <div ref={box} class="plot" style={{ minHeight: `${height}px` }} role="img" aria-label={said(title, series)} />}
    {!table && !anything(series) && <p class="empty">no finite value yet</p>}
  </figure>
}

/** Said describes the chart to readers who cannot see it. */
function said(title: string, series: Series[]): string {
  return `${title}: ` + series.map(s => {
    const last = s.curve.value.findLastIndex(v => typeof v === "number")
    return last < 0 ? `${s.name} has no value` : `${s.name} is ${number(s.curve.value[last])} at step ${grouped(s.curve.step[last] ?? 0)}`
  }).join("; ")
}

/** Values lists the last values of every curve. */
function Values({ series }: { series: Series[] }) {
  return <div class="values">{series.map(s => <table key={s.name}>
    <caption>{s.name}</caption>
    <thead><tr><th scope="col">step</th><th scope="col">time</th><th scope="col">value</th></tr></thead>
    <tbody>{s.curve.step.map((step, i) => [step, s.curve.time[i], s.curve.value[i]] as const).slice(-50).map(([step, time, value]) =>
      <tr key={step}><td>{grouped(step)}</td><td>{typeof time === "number" ? duration(time) : "–"}</td><td>{number(value)}</td></tr>)}</tbody>
  </table>)}</div>
}

/** Joined aligns curves for uPlot: one row of x for all, and gaps where a value is not finite. */
function joined(series: Series[], timed: boolean, look: Look): uPlot.AlignedData {
  const tables = series.map(s => {
    const x: number[] = [], y: (number | null)[] = [], raw: (number | null)[] = []
    const at = (timed ? s.curve.time : s.curve.step) as Maybe[]
    const soft = smoothed(at, s.curve.value, look.smooth)
    s.curve.value.forEach((v, i) => {
      const place = at[i]
      if (typeof place !== "number" || (x.length && place <= x[x.length - 1]!)) return
      const seen = (w: Maybe) => typeof w !== "number" || (look.log && w <= 0) ? null : w
      x.push(place)
      y.push(seen(soft[i]))
      raw.push(seen(v))
    })
    return [x, ...(look.smooth > 0 ? [raw] : []), y] as uPlot.AlignedData
  })
  if (!tables.length) return [[], []]
  return tables.length === 1 ? tables[0]! : uPlot.join(tables, tables.map(t => t.map(() => 2 as uPlot.JoinNullMode)))
}

type Latest = { current: { flags: Flag[]; guide?: Props["guide"]; onZoom?: Props["onZoom"]; series: Series[]; timed: boolean } }

function options(title: string, series: Series[], look: Look, timed: boolean, width: number, height: number, latest: Latest): uPlot.Options {
  const ink = palette()
  const lines: uPlot.Series[] = []
  for (const s of series) {
    const stroke = ink.series[s.colour % ink.series.length]!
    if (look.smooth > 0) lines.push({ label: s.name + " (raw)", stroke: stroke + "55", width: 1, points: { show: false } })
    const line: uPlot.Series = { label: s.name, stroke, width: 1.5, value: (u, v, i, at) => number(at === null ? lastOf(u.data[i]) : v ?? undefined) }
    if (s.dashed) line.dash = [5, 3]
    line.points = { show: (u, i) => count(u.data[i]) < 40, size: 5, fill: stroke }
    lines.push(line)
  }
  const axis = { stroke: ink.dim, grid: { stroke: ink.line, width: 1 }, ticks: { stroke: ink.line, width: 1, size: 4 }, font: "11px system-ui, sans-serif" }
  return {
    title: "", width, height,
    legend: { show: series.length > 1 || look.smooth > 0, live: true },
    cursor: { sync: { key: timed ? "time" : "step" }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    scales: {
      x: { time: false },
      y: look.log ? { distr: 3 } : { range: (_u, low, high) => padded(low, high, latest.current.guide?.value) },
    },
    series: [{ label: timed ? "time" : "step", value: (_u, v) => v === null || v === undefined ? "–" : timed ? duration(v) : grouped(v) }, ...lines],
    axes: [
      { ...axis, size: 26, values: (_u, all) => all.map(v => timed ? brief(v) : short(v)) },
      { ...axis, size: 52, values: (_u, all) => all.map(v => v === null ? "" : short(v)) },
    ],
    hooks: {
      setSelect: [u => {
        const from = u.posToVal(u.select.left, "x"), to = u.posToVal(u.select.left + u.select.width, "x")
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
        if (u.select.width >= 0 && to > from && !latest.current.timed) latest.current.onZoom?.([Math.floor(from), Math.ceil(to)])
        else if (to > from) u.setScale("x", { min: from, max: to })
      }],
      ready: [u => u.over.addEventListener("dblclick", () => {
        if (latest.current.timed) u.setData(u.data)
        else latest.current.onZoom?.(undefined)
      })],
      draw: [u => drawn(u, latest, ink, title)],
    },
  }
}

/** LastOf is the last value that there is. */
function lastOf(values: ArrayLike<number | null | undefined> | undefined): Maybe {
  return Array.from(values ?? []).findLast(v => typeof v === "number")
}

/** Count says how many values there are. */
function count(values: ArrayLike<unknown> | undefined): number {
  return Array.from(values ?? []).filter(v => v !== null && v !== undefined).length
}

/** Padded leaves a little room, and makes room for the guide when it is near. */
function padded(low: number | null, high: number | null, guide?: number): [number, number] {
  let a = low ?? 0, b = high ?? 1
  if (guide !== undefined && guide > a - (b - a) && guide < b + (b - a)) a = Math.min(a, guide), b = Math.max(b, guide)
  if (a === b) return [a - (Math.abs(a) || 1) * 0.1, b + (Math.abs(b) || 1) * 0.1]
  const pad = (b - a) * 0.06
  return [a >= 0 && a < pad ? 0 : a - pad, b + pad]
}

/** Drawn draws the guide and the flags over the curves. */
function drawn(u: uPlot, latest: Latest, ink: ReturnType<typeof palette>, _title: string): void {
  const c = u.ctx, { left, top, width, height } = u.bbox, scale = devicePixelRatio
  c.save()
  c.beginPath()
  c.rect(left, top, width, height)
  c.clip()
  c.lineWidth = scale
  const guide = latest.current.guide
  if (guide) {
    const y = Math.round(u.valToPos(guide.value, "y", true)) + 0.5
    c.strokeStyle = c.fillStyle = ink.dim
    c.setLineDash([4 * scale, 3 * scale])
    c.beginPath()
    c.moveTo(left, y)
    c.lineTo(left + width, y)
    c.stroke()
    c.setLineDash([])
    c.font = `${10 * scale}px system-ui, sans-serif`
    c.textAlign = "left" // the axes leave it elsewhere
    c.textBaseline = "alphabetic"
    const below = y > top + 14 * scale ? y - 4 * scale : y + 12 * scale
    c.globalAlpha = 0.8
    c.fillStyle = ink.panel
    c.fillRect(left + 2 * scale, below - 10 * scale, c.measureText(guide.name).width + 4 * scale, 13 * scale)
    c.globalAlpha = 1
    c.fillStyle = ink.dim
    c.fillText(guide.name, left + 4 * scale, below)
  }
  if (!latest.current.timed) for (const f of latest.current.flags) {
    const x = Math.round(u.valToPos(f.step, "x", true)) + 0.5
    if (x < left || x > left + width) continue
    c.strokeStyle = c.fillStyle = f.kind === "alarm" ? ink.bad : f.kind === "saved" ? ink.dim : ink.link
    c.globalAlpha = f.kind === "saved" ? 0.6 : 1
    if (f.kind === "saved") {
      c.beginPath()
      c.moveTo(x - 3 * scale, top + height)
      c.lineTo(x + 3 * scale, top + height)
      c.lineTo(x, top + height - 5 * scale)
      c.fill()
      continue
    }
    if (f.kind === "other") {
      c.globalAlpha = 0.35
      c.setLineDash([2 * scale, 4 * scale])
    }
    c.beginPath()
    c.moveTo(x, top)
    c.lineTo(x, top + height)
    c.stroke()
    c.setLineDash([])
  }
  c.restore()
}

/** Short writes a tick: 1.5k, 20M, 1e-7. */
export function short(v: number): string {
  const size = Math.abs(v)
  if (size >= 1e9) return `${+(v / 1e9).toPrecision(4)}G`
  if (size >= 1e6) return `${+(v / 1e6).toPrecision(4)}M`
  if (size >= 1e4) return `${+(v / 1e3).toPrecision(4)}k`
  if (size !== 0 && size < 1e-3) return v.toExponential(0)
  return String(+v.toPrecision(6))
}

/** Brief writes a tick of time: 30s, 5m, 2h. */
function brief(s: number): string {
  return s >= 7200 ? `${+(s / 3600).toFixed(1)}h` : s >= 120 ? `${+(s / 60).toFixed(1)}m` : `${+s.toFixed(1)}s`
}
