// SPDX-License-Identifier: Apache-2.0
// The map of a run's embedding over its evaluations; the neighbours of an image then, now, and at any checkpoint.
import { useEffect, useMemo, useRef, useState } from "preact/hooks"
import { ask, type Maybe } from "../api"
import { fixed, grouped, plural, visible } from "../format"
import { link, set, usePlace } from "../place"
import { Scatter } from "../scatter"
import { useProgress, useStore } from "../store"
import { Tabs } from "../tabs"
import type { Ink } from "../theme"

interface Listed { index: number; name: string; label: number }
interface Factor { name: string; values: string[]; of: number[] | null }
interface Embedded {
  steps: number[]
  checkpoints: number[]
  engine: string
  own: boolean
  split: string
  images: Listed[]
  classes: Record<string, string>
  factors: Factor[]
  problem?: string
}
interface Mapped { step: number; image: number[]; x: number[]; y: number[]; label: number[]; cluster: number[]; clusters: string; alignment: Maybe[]; apart: Maybe[]; disagree: Maybe[] }
interface Answer<T> { waiting?: { done: number; of: number }; result?: T }
interface Near { step: number; of: number; near: (Listed & { cosine: number })[] }
interface ThenAndNow { image: Listed; then: Near; now: Near }

/** until asks again and again, because the server answers with its progress as long as it computes. */
async function until<T>(path: string, signal: AbortSignal, told: (w: { done: number; of: number }) => void): Promise<T> {
  for (;;) {
    const a = await ask<Answer<T>>(path, signal)
    if (a.result !== undefined) return a.result
    if (a.waiting) told(a.waiting)
    await new Promise(r => setTimeout(r, 100))
  }
}

/** whole is a whole number of the query, or -1. */
function whole(text: string | null): number {
  const n = text === null || text === "" ? -1 : Number(text)
  return Number.isInteger(n) && n >= 0 ? n : -1
}

export function Embedding({ id }: { id: string }) {
  const { query } = usePlace()
  const store = useStore()
  const [about, setAbout] = useState<Embedded>()
  const [error, setError] = useState("")
  const [evaluations, setEvaluations] = useState(0)
  useProgress(id, p => setEvaluations(p.evals.length))
  const name = store.rows.get(id)?.name ?? id
  useEffect(() => { document.title = `Embedding of ${name} – Parallax` }, [name])
  useEffect(() => {
    const asked = new AbortController()
    ask<Embedded>(`/api/runs/${id}/embedding`, asked.signal).then(a => (setAbout(a), setError("")), e => asked.signal.aborted || setError(e.message))
    return () => asked.abort()
  }, [id, evaluations])
  const [maps, told] = useMaps(id, about?.steps ?? [])

  const head = <><header class="bar"><h1>Embedding <small><a href={link(`/run/${id}`)}>{visible(name)}</a></small></h1></header><Tabs id={id} at="embedding" /></>
  if (error) return <main>{head}<p class="bad" role="alert">{visible(error)}</p></main>
  if (!about) return <main aria-busy="true">{head}<p>reading …</p></main>
  if (about.steps.length === 0) return <main>{head}
    <p>This run has no features of its evaluations, so it has no map over time. Runs keep them since this version.</p>
    {about.checkpoints.length > 0 && <AtCheckpoint id={id} about={about} image={whole(query.get("image"))} />}</main>
  return <main class="embedding">{head}
    {about.problem && <p class="notice">No pictures: {visible(about.problem)}</p>}
    <Atlas id={id} about={about} maps={maps} told={told} />
  </main>
}

/** useMaps fetches the maps from the first evaluation on, since the server makes them in that order. */
function useMaps(id: string, steps: number[]): [Map<number, Mapped>, string] {
  const [maps, setMaps] = useState(new Map<number, Mapped>())
  const [told, setTold] = useState("")
  const kept = useRef(new Map<number, Mapped>())
  useEffect(() => {
    const asked = new AbortController()
    void (async () => {
      const failed: string[] = []
      for (const [i, step] of steps.entries()) {
        if (kept.current.has(step)) continue
        setTold(`making map ${i + 1} of ${steps.length}`)
        try {
          const m = await until<Mapped>(`/api/runs/${id}/embedding/${step}`, asked.signal, w => setTold(w.of ? `making map ${i + 1} of ${steps.length}` : `waiting to make map ${i + 1} of ${steps.length}`))
          kept.current.set(step, m)
          setMaps(new Map(kept.current))
        } catch (e) {
          if (asked.signal.aborted) return
          failed.push(`step ${step}: ${(e as Error).message}`)
        }
      }
      setTold(failed.join("; "))
    })()
    return () => asked.abort()
  }, [id, steps.join()])
  return [maps, told]
}

/** A colouring says what a point's colour means. */
interface Colouring {
  key: string
  title: string
  names?: string[] // of the groups
  group?: (i: number) => number // -1: none
  value?: (i: number) => Maybe // 0 to 1 after scaling
  least?: number
  most?: number
  meaning?: string // of the value
}

/** measures are the numbers that each image has. share: 0 to 1, so that its scale is known. */
const measures = [
  { key: "alignment", title: "loss: distance of two views", meaning: "squared distance of the embeddings of two views, 0 to 4: what the loss pulls together", share: false },
  { key: "apart", title: "distance to its neighbours", meaning: "1 minus the mean cosine to the 10 nearest images", share: false },
  { key: "disagree", title: "neighbours with another label", meaning: "share of the 10 nearest images that have another label", share: true },
] as const

/** colourings are those that a map can have. */
function colourings(about: Embedded, m: Mapped, all: Map<number, Mapped>): Colouring[] {
  const labels = Object.keys(about.classes).map(Number).sort((a, b) => a - b), rank = new Map(labels.map((l, i) => [l, i]))
  const row = new Map(about.images.map((image, i) => [image.index, i]))
  const list: Colouring[] = []
  if (labels.length) list.push({ key: "label", title: "label", names: labels.map(l => about.classes[l]!), group: i => rank.get(m.label[i]!) ?? -1 })
  list.push({ key: "cluster", title: m.clusters, names: Array.from({ length: Math.max(-1, ...m.cluster) + 1 }, (_, k) => `cluster ${k + 1}`), group: i => m.cluster[i]! })
  for (const { key, title, meaning, share } of measures) {
    const values = [...all.values()].flatMap(one => one[key]).filter((v): v is number => typeof v === "number")
    values.sort((a, b) => a - b) // a few outliers do not set the scale, which is that of all maps
    const quantile = (q: number) => values[Math.round(q * (values.length - 1))]!
    if (values.length) list.push({ key, title, meaning, value: i => m[key][i], least: share ? 0 : quantile(0.02), most: share ? 1 : quantile(0.98) })
  }
  for (const f of about.factors) if (f.of) list.push({ key: f.name, title: `factor: ${f.name}`, names: f.values, group: i => f.of![row.get(m.image[i]!) ?? -1] ?? -1 })
  return list
}

/** groupColour is one of the style sheet's colours, then others around the circle. */
function groupColour(k: number, ink: Ink, dark: boolean): string {
  if (k < 0) return ink.dim
  return ink.series[k] ?? `hsl(${(k * 137.5) % 360} ${dark ? 60 : 55}% ${dark ? 66 : 40}%)`
}

/** ramp is a colour from 0, quiet, to 1, loud. */
function ramp(v: number, dark: boolean): string {
  const stops = dark ? [[60, 84, 120], [120, 170, 190], [255, 190, 80]] : [[150, 175, 205], [90, 110, 160], [190, 60, 20]]
  const at = Math.min(1, Math.max(0, v)) * 2, k = Math.min(1, Math.floor(at)), t = at - k
  return `rgb(${stops[k]!.map((c, i) => Math.round(c + (stops[k + 1]![i]! - c) * t)).join(" ")})`
}

function Atlas({ id, about, maps, told }: { id: string; about: Embedded; maps: Map<number, Mapped>; told: string }) {
  const { query } = usePlace()
  const steps = about.steps
  const asked = whole(query.get("step")), at = Math.max(0, asked < 0 ? steps.length - 1 : steps.findLastIndex(s => s <= asked))
  const wanted = steps[at]!
  const shownStep = maps.has(wanted) ? wanted : [...maps.keys()].filter(s => s <= wanted).sort((a, b) => b - a)[0]
  const m = shownStep === undefined ? undefined : maps.get(shownStep)
  const pinned = whole(query.get("image"))
  const [playing, setPlaying] = useState(false)
  const [hover, setHover] = useState<[number, number, number]>([-1, 0, 0])
  const [near, setNear] = useState<ThenAndNow>()
  const [nearError, setNearError] = useState("")

  const all = useMemo(() => m ? colourings(about, m, maps) : [], [about, m, maps])
  const colouring = all.find(c => c.key === query.get("colour")) ?? all[0]
  const only = new Set((query.get("only") ?? "").split(",").filter(Boolean).map(Number))
  const row = m ? m.image.indexOf(pinned) : -1

  const go = (to: number) => set({ step: to >= steps.length - 1 ? "" : steps[Math.max(0, to)] })
  useEffect(() => {
    if (!playing) return
    if (at >= steps.length - 1) return setPlaying(false)
    if (!maps.has(steps[at + 1]!)) return
    const timer = setTimeout(() => go(at + 1), 700)
    return () => clearTimeout(timer)
  }, [playing, at, maps, steps.length])

  useEffect(() => {
    setNearError("")
    if (pinned < 0) return setNear(undefined)
    const asked = new AbortController()
    ask<ThenAndNow>(`/api/runs/${id}/embedding/${wanted}/near?image=${pinned}`, asked.signal).then(setNear, e => asked.signal.aborted || (setNear(undefined), setNearError(e.message)))
    return () => asked.abort()
  }, [id, pinned, wanted, steps.length])

  const keys = useRef<(e: KeyboardEvent) => void>(() => {})
  keys.current = e => {
    if (e.target instanceof HTMLInputElement || e.target instanceof HTMLSelectElement || e.metaKey || e.ctrlKey || e.altKey) return
    const step = (by: number) => {
      const n = m?.image.length ?? 0
      if (!n) return
      let next = row
      for (let k = 0; k < n; k++) {
        next = (next + by + n) % n
        if (!faint(next)) break
      }
      set({ image: m!.image[next] })
    }
    if (e.key === "ArrowRight") go(at + 1)
    else if (e.key === "ArrowLeft") go(at - 1)
    else if (e.key === "n") step(1)
    else if (e.key === "p") step(row < 0 ? 0 : -1)
    else if (e.key === " " && !(e.target instanceof HTMLButtonElement)) toggle()
    else if (e.key === "Escape") set({ image: "" })
    else return
    e.preventDefault()
  }
  useEffect(() => {
    const f = (e: KeyboardEvent) => keys.current(e)
    addEventListener("keydown", f)
    return () => removeEventListener("keydown", f)
  }, [])
  function toggle(): void {
    if (!playing && at >= steps.length - 1) go(0)
    setPlaying(!playing)
  }

  const faint = (i: number) => only.size > 0 && !!colouring?.group && !only.has(colouring.group(i))
  const colour = (i: number, ink: Ink, dark: boolean) => {
    if (colouring?.group) return groupColour(colouring.group(i), ink, dark)
    const v = colouring?.value?.(i)
    return typeof v === "number" ? ramp((v - colouring!.least!) / (colouring!.most! - colouring!.least! || 1), dark) : ink.dim
  }
  const text = (image: Listed) => `${visible(image.name)}${about.classes[image.label] !== undefined ? ` · ${visible(about.classes[image.label]!)}` : ""}`
  const known = useMemo(() => new Map(about.images.map(i => [i.index, i])), [about])
  const listed = (index: number, label: number): Listed => known.get(index) ?? { index, name: `image ${index}`, label }
  const linked = useMemo(() => m && near && near.then.step === m.step ? near.then.near.map(n => m.image.indexOf(n.index)).filter(i => i >= 0) : [], [m, near])
  const under = m && hover[0] >= 0 && hover[0] < m.image.length ? listed(m.image[hover[0]]!, m.label[hover[0]]!) : undefined
  const picture = (index: number, side: number) => `/api/runs/${id}/embedded/${index}?side=${side}`
  const kind = colouring?.title ?? ""

  return <>
    <div class="controls" role="group" aria-label="What the map shows">
      <button type="button" aria-pressed={playing} onClick={toggle}>{playing ? "pause" : "play"}</button>
      <label class="slider">evaluation <input type="range" min={0} max={steps.length - 1} value={at} aria-valuetext={`step ${wanted}`} onInput={e => (setPlaying(false), go(Number(e.currentTarget.value)))} />
        <output>step {grouped(wanted)}</output></label>
      {colouring && <label>colour <select value={colouring.key} onChange={e => set({ colour: e.currentTarget.value === all[0]?.key ? "" : e.currentTarget.value, only: "" })}>
        {all.map(c => <option key={c.key} value={c.key}>{visible(c.title)}</option>)}</select></label>}
      <span class="hint" role="status">{visible(told)}</span>
    </div>
    <div class="atlas">
      <div class="plane">
        {m ? <>
          <Scatter cloud={m} colour={colour} faint={faint} pinned={row} linked={linked} redraw={`${colouring?.key} ${query.get("only")} ${m.step} ${maps.size}`}
            label={`${plural(m.image.length, "image")} at step ${m.step}, coloured by ${kind}. Images with similar features lie together.`}
            onHover={(...h) => setHover(h)} onPick={i => set({ image: i < 0 ? "" : m.image[i] })} />
          {under && <div class="tip" style={{ left: `clamp(0px, ${hover[1]}px, calc(100% - 15rem))`, top: `${hover[2]}px` }}>
            {!about.problem && <img src={picture(under.index, 96)} alt="" width={72} height={72} />}<span>{text(under)}</span></div>}
        </> : <p aria-busy="true">The map is being made …</p>}
        <p class="hint">{m && m.step !== wanted ? `The map of step ${grouped(m.step)}: that of step ${grouped(wanted)} is not made yet. ` : ""}t-SNE of {plural(about.images.length, "image")}{about.split ? ` of the split ${visible(about.split)}` : ""}.
          Images with similar features lie together; distances between groups mean little. ← → move the slider, n and p go through the images.</p>
      </div>
      <div class="beside">
        {colouring?.names && m && <Legend colouring={colouring} n={m.image.length} only={only} />}
        {colouring?.value && <p class="scale"><span>{fixed(colouring.least, 2)}</span><Gradient /><span>{fixed(colouring.most, 2)}</span>
          <small>{colouring.meaning}</small></p>}
        <Pinned id={id} about={about} near={near} error={nearError} listed={pinned < 0 ? undefined : listed(pinned, row >= 0 ? m!.label[row]! : -1)} picture={picture} />
      </div>
    </div>
    <AtCheckpoint id={id} about={about} image={pinned} />
  </>
}

function Gradient() {
  return <span class="gradient" aria-hidden="true">{Array.from({ length: 24 }, (_, i) => <i key={i} style={{ background: `light-dark(${ramp(i / 23, false)}, ${ramp(i / 23, true)})` }} />)}</span>
}

function Legend({ colouring, n, only }: { colouring: Colouring; n: number; only: Set<number> }) {
  const counts = new Map<number, number>()
  for (let i = 0; i < n; i++) {
    const k = colouring.group!(i)
    counts.set(k, (counts.get(k) ?? 0) + 1)
  }
  const ink: Ink = { series: [0, 1, 2, 3, 4, 5, 6, 7].map(i => `var(--s${i})`), dim: "var(--dim)", line: "", bad: "", link: "", ink: "", bg: "", panel: "" }
  return <div class="legend" role="group" aria-label={`Highlight by ${colouring.title}`}>
    {colouring.names!.map((name, k) => counts.has(k) && <button key={k} type="button" aria-pressed={only.has(k)} onClick={() => {
      const next = new Set(only)
      if (!next.delete(k)) next.add(k)
      set({ only: [...next].sort((a, b) => a - b).join(",") })
    }}><span class="key" style={{ background: `light-dark(${groupColour(k, ink, false)}, ${groupColour(k, ink, true)})` }} /> {visible(name)} <small>{grouped(counts.get(k)!)}</small></button>)}
    {only.size > 0 && <button type="button" class="quiet" onClick={() => set({ only: "" })}>show all</button>}
  </div>
}

function Pinned({ about, near, error, listed, picture }: { id: string; about: Embedded; near: ThenAndNow | undefined; error: string; listed: Listed | undefined; picture: (index: number, side: number) => string }) {
  if (!listed) return <p class="hint">Click a point to see its image and its neighbours.</p>
  const label = about.classes[listed.label]
  return <section class="pinned" aria-live="polite">
    <header>{!about.problem && <img src={picture(listed.index, 256)} alt={`image ${visible(listed.name)}`} width={128} height={128} />}
      <div><b>{visible(listed.name)}</b>{label !== undefined && <p>{visible(label)}</p>}<p><button type="button" class="quiet" onClick={() => set({ image: "" })}>unpin</button></p></div></header>
    {error && <p class="bad" role="alert">{visible(error)}</p>}
    {near && <p class="hint">{near.then.step !== near.now.step && "A star marks images of both lists. "}{label !== undefined && "A label in red is another one than the image's."}</p>}
    {near && near.then.step === near.now.step && <Neighbours title={`Neighbours now, at step ${grouped(near.now.step)}`} near={near.now} about={about} label={listed.label} picture={about.problem ? undefined : picture} onPick />}
    {near && near.then.step !== near.now.step && <div class="both">
      <Neighbours title={`Neighbours then, at step ${grouped(near.then.step)}`} near={near.then} other={near.now} about={about} label={listed.label} picture={about.problem ? undefined : picture} onPick />
      <Neighbours title={`Neighbours now, at step ${grouped(near.now.step)}`} near={near.now} other={near.then} about={about} label={listed.label} picture={about.problem ? undefined : picture} onPick />
    </div>}
  </section>
}

/** Neighbours lists the nearest images of one. A star marks those that are in the other list, too. */
function Neighbours({ title, near, other, about, label, picture, onPick }: { title: string; near: Near; other?: Near; about: Embedded; label: number; picture: ((index: number, side: number) => string) | undefined; onPick?: boolean }) {
  const also = new Set(other?.near.map(n => n.index))
  return <table class="near"><caption>{title} <small>among {grouped(near.of)}</small></caption>
    <thead><tr><th scope="col"><span class="hidden">picture</span></th><th scope="col">image</th><th scope="col" class="number">cosine</th></tr></thead>
    <tbody>{near.near.map(n => {
      const name = visible(n.name), own = about.classes[n.label]
      return <tr key={n.index} class={label >= 0 && n.label >= 0 && n.label !== label ? "another" : ""}>
        <td>{picture && <img src={picture(n.index, 64)} alt="" width={40} height={40} loading="lazy" />}</td>
        <th scope="row">{onPick ? <button type="button" class="quiet" onClick={() => set({ image: n.index })}>{name}</button> : name}{also.has(n.index) ? <span title="in both lists"> ★<span class="hidden"> in both lists</span></span> : ""}{own !== undefined && <small> {visible(own)}</small>}</th>
        <td class="number">{fixed(n.cosine, 3)}</td></tr>
    })}</tbody></table>
}

/** AtCheckpoint asks the encoder of any checkpoint for the nearest images of the run's data. */
function AtCheckpoint({ id, about, image }: { id: string; about: Embedded; image: number }) {
  const { query } = usePlace()
  const mapped = about.steps.length > 0
  const asked = whole(query.get("checkpoint")), step = about.checkpoints.includes(asked) ? asked : about.checkpoints[about.checkpoints.length - 1]
  const [near, setNear] = useState<Near>()
  const [told, setTold] = useState("")
  const [error, setError] = useState("")
  const on = query.get("encode") === "1" && !about.engine && step !== undefined && image >= 0
  useEffect(() => {
    setNear(undefined), setError(""), setTold("")
    if (!on) return
    const asked = new AbortController()
    setTold("the encoder begins")
    until<Near>(`/api/runs/${id}/checkpoints/${step}/near?image=${image}${mapped ? "&map=1" : ""}`, asked.signal,
      w => setTold(w.of ? `${grouped(w.done)} of ${grouped(w.of)} images are embedded` : "waiting for another computation")).then(n => (setNear(n), setTold("")), e => asked.signal.aborted || (setError(e.message), setTold("")))
    return () => asked.abort()
  }, [id, on, step, image, mapped])
  return <section class="encode"><h2>Neighbours in the run's data, at any checkpoint</h2>
    {about.engine ? <p class="hint">{visible(about.engine)}</p> : <>
      <p class="hint">The encoder of a checkpoint embeds up to 2,000 images of the run's data, once, on one core. That takes a while.</p>
      <div class="controls">
        <label>image <input type="number" min={0} value={image < 0 ? "" : image} onChange={e => set({ image: e.currentTarget.value })} /></label>
        <label>checkpoint <select value={step} onChange={e => set({ checkpoint: e.currentTarget.value })}>{about.checkpoints.map(s => <option key={s} value={s}>step {grouped(s)}</option>)}</select></label>
        <button type="button" disabled={image < 0} aria-pressed={on} onClick={() => set({ encode: on ? "" : 1 })}>{on ? "stop" : "find neighbours"}</button>
        <span class="hint" role="status">{told}</span>
      </div>
      {error && <p class="bad" role="alert">{visible(error)}</p>}
      {!mapped && image >= 0 && <p><img src={`/api/runs/${id}/images/${image}?side=192`} alt={`image ${image}`} width={96} height={96} /></p>}
      {near && <Neighbours title={`Neighbours of image ${grouped(image)} at step ${grouped(near.step)}`} near={near} about={about} label={-1} picture={(index, side) => `/api/runs/${id}/images/${index}?side=${side}`} />}
    </>}
  </section>
}
