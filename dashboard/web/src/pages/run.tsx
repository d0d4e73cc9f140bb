// SPDX-License-Identifier: Apache-2.0
// One run: its curves, its collapse panel, its settings, its notes.
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks"
import { ask, curves, put, type Curve, type Entry, type Mark, type Progress, type Row, type Spectrum, type Story } from "../api"
import { Chart, type Flag, type Look, type Series } from "../chart"
import { ago, duration, grouped, moment, number, plural, visible } from "../format"
import { set, usePlace } from "../place"
import { Heat, Points } from "../spectrum"
import { replace, useProgress, useStore } from "../store"
import { Tabs } from "../tabs"
import { panels, title, type Panel } from "../tags"
import { Images } from "./images"
import { Class, State } from "./runs"

export function Run({ id }: { id: string }) {
  const [story, setStory] = useState<Story>()
  const [error, setError] = useState("")
  const [progress, setProgress] = useState<Progress>()
  const store = useStore()
  const { query } = usePlace()
  const tab = query.get("tab") ?? "curves"

  useEffect(() => {
    setStory(undefined), setProgress(undefined), setError("")
    const asked = new AbortController()
    ask<Story>(`/api/runs/${id}`, asked.signal).then(s => {
      setStory(s), setProgress(s.progress)
      document.title = `${s.row.name} – Parallax`
    }, e => asked.signal.aborted || setError(e.message))
    return () => asked.abort()
  }, [id])
  useProgress(id, setProgress)

  if (error) return <main><h1>Run</h1><p class="bad" role="alert">{error}</p><p><a href="/">All runs</a></p></main>
  if (!story || !progress) return <main aria-busy="true"><h1>Run</h1><p>reading …</p></main>
  const row = store.rows.get(id) ?? story.row
  return <main class="run">
    <header class="bar">
      <h1>{visible(row.name)}</h1>
      <State row={row} />
      {(progress.class ?? row.class) && <Class name={(progress.class ?? row.class)!} />}
      <Facts row={row} progress={progress} />
    </header>
    <Notes row={row} write={store.table?.write ?? false} />
    <Tabs id={id} at={tab} query={query} />
    {tab === "images" ? <Images id={id} /> : tab === "settings" ? <Settings id={id} own={story.settings} dir={story.dir} /> : tab === "collapse" ? <Collapse id={id} progress={progress} />
      : <Curves id={id} progress={progress} />}
  </main>
}

function Facts({ row, progress }: { row: Row; progress: Progress }) {
  const facts: [string, preact.ComponentChildren][] = [
    ["steps", row.steps ? `${grouped(row.step)} of ${grouped(row.steps)}` : grouped(row.step)],
    ["epoch", grouped(row.epoch + 1)],
    ["method", visible(row.method ?? "–")],
    ["network", visible(row.network ?? "–")],
    ["data", visible(row.data ?? "–")],
    ["changed", <time title={moment(row.updated)}>{ago(row.updated)}</time>],
  ]
  if (row.speed) facts.push(["images/s", grouped(Math.round(row.speed))])
  if (row.left && row.state === "running") facts.push(["left", duration(row.left)])
  if (progress.read < progress.size) facts.push(["read so far", `${Math.round(100 * progress.read / progress.size)} %`])
  if (progress.broken) facts.push(["broken lines", grouped(progress.broken)])
  return <dl class="facts">{facts.map(([term, what]) => <div key={term}><dt>{term}</dt><dd>{what}</dd></div>)}</dl>
}

function Notes({ row, write }: { row: Row; write: boolean }) {
  const [open, setOpen] = useState(false)
  const [tags, setTags] = useState(""), [note, setNote] = useState(""), [error, setError] = useState("")
  const [version, setVersion] = useState("") // of what is edited, so that a change by somebody else is not overwritten
  function edit(): void {
    setTags((row.tags ?? []).join(", ")), setNote(row.note ?? ""), setVersion(row.version ?? ""), setError(""), setOpen(true)
  }
  async function save(e: Event): Promise<void> {
    e.preventDefault()
    try {
      replace(await put<Row>(`/api/runs/${row.id}/notes`, { tags: tags.split(",").map(t => t.trim()).filter(Boolean), note, version }))
      setOpen(false)
    } catch (e) {
      setError((e as Error).message)
    }
  }
  if (open) return <form class="notes" onSubmit={save}>
    <label>Tags, separated by commas <input value={tags} onInput={e => setTags(e.currentTarget.value)} /></label>
    <label>Note <textarea rows={4} value={note} onInput={e => setNote(e.currentTarget.value)} /></label>
    {error && <p class="bad" role="alert">{error}</p>}
    <p><button type="submit">Keep</button> <button type="button" class="quiet" onClick={() => setOpen(false)}>Cancel</button></p>
  </form>
  return <div class="notes">
    {row.tags?.map(t => <span class="tag" key={t}>{visible(t)}</span>)}
    {row.note && <p class="text">{visible(row.note).replaceAll("\\u000a", "\n")}</p>}
    {write ? <button type="button" class="quiet" onClick={edit}>{row.tags?.length || row.note ? "edit notes" : "add a note"}</button>
      : <small class="hint">to write notes, open the address that the dashboard printed</small>}
  </div>
}

/** Controls are what all charts of a page share; the address holds them. */
export function useLook(): [Look, [number, number] | undefined, (r: [number, number] | undefined) => void] {
  const { query } = usePlace()
  const look: Look = { x: query.get("x") === "time" ? "time" : "step", log: query.get("log") === "1", smooth: clamp(Number(query.get("smooth") ?? 0)) }
  const from = Number(query.get("from") ?? NaN), to = Number(query.get("to") ?? NaN)
  const range = Number.isFinite(from) && Number.isFinite(to) && to > from ? [from, to] as [number, number] : undefined
  const zoom = useCallback((r: [number, number] | undefined) => set({ from: r?.[0], to: r?.[1] }), [])
  return [look, range, zoom]
}

function clamp(v: number): number { return Number.isFinite(v) ? Math.min(0.99, Math.max(0, v)) : 0 }

export function Controls({ look, range, children }: { look: Look; range: [number, number] | undefined; children?: preact.ComponentChildren }) {
  return <div class="controls" role="group" aria-label="How the charts are drawn">
    <label>x <select value={look.x} onChange={e => set({ x: e.currentTarget.value === "step" ? "" : e.currentTarget.value })}>
      <option value="step">steps</option><option value="time">time of training</option></select></label>
    <label><input type="checkbox" checked={look.log} onChange={e => set({ log: e.currentTarget.checked ? 1 : "" })} /> logarithmic</label>
    <label>smooth <input type="range" min={0} max={0.99} step={0.01} value={look.smooth} onInput={e => set({ smooth: Number(e.currentTarget.value) || "" })} /> <output>{look.smooth.toFixed(2)}</output></label>
    {range && <button type="button" class="quiet" onClick={() => set({ from: "", to: "" })}>steps {grouped(range[0])} to {grouped(range[1])}: show all</button>}
    {children}
  </div>
}

/** useCurves asks for curves, again when there are more steps, and for a part that is looked at closely. */
export function useCurves(id: string, tags: string[], mark: number, range: [number, number] | undefined): [Record<string, Curve>, string] {
  const [all, setAll] = useState<Record<string, Curve>>({})
  const [error, setError] = useState("")
  const key = tags.join("\n")
  const last = useRef(0)
  useEffect(() => {
    if (!tags.length) return
    const asked = new AbortController()
    const wait = Math.max(0, 700 - (performance.now() - last.current))
    const timer = setTimeout(async () => {
      last.current = performance.now()
      try {
        const parts: Record<string, Curve>[] = []
        for (let i = 0; i < tags.length; i += 48) parts.push(await curves(id, tags.slice(i, i + 48), range ? { from: range[0], to: range[1] } : {}, asked.signal))
        setAll(Object.assign({}, ...parts)), setError("")
      } catch (e) {
        if (!asked.signal.aborted) setError((e as Error).message)
      }
    }, Object.keys(all).length ? wait : 0)
    return () => {
      clearTimeout(timer)
      asked.abort()
    }
  }, [id, key, mark, range?.[0], range?.[1]])
  return [all, error]
}

/** flagsOf are the events that charts mark. */
export function flagsOf(marks: Mark[]): Flag[] {
  const all: Flag[] = []
  for (const m of marks) {
    if (m.event === "alarm") all.push({ step: m.step, text: `${m.class ?? m.name ?? "alarm"}: ${m.message ?? ""}`, kind: "alarm" })
    else if (m.event === "saved") all.push({ step: m.step, text: `checkpoint${m.best ? ", the best" : ""}`, kind: "saved" })
    else if (m.event === "resumed") all.push({ step: m.step, text: "resumed", kind: "other" })
    else if (m.event === "rewound") all.push({ step: m.step, text: "the run went back to this step", kind: "other" })
    else if (m.event === "replanned") all.push({ step: m.step, text: m.message ?? "planned again", kind: "other" })
  }
  return all
}

function Curves({ id, progress }: { id: string; progress: Progress }) {
  const { query } = usePlace()
  const [look, range, zoom] = useLook()
  const probes = useMemo(() => [...new Set(progress.evals.map(e => e.probe))], [progress.evals.length])
  const shown = new Set((query.get("probes") ?? "").split("|").filter(Boolean))
  const all = useMemo(() => panels(progress.tags, shown.size ? shown : undefined), [progress.tags.join("\n"), query.get("probes")])
  const only = query.get("only") ?? ""
  const found = all.filter(p => !only || (p.title + " " + p.tags.map(t => t.tag).join(" ")).toLowerCase().includes(only.toLowerCase()))
  const [data, error] = useCurves(id, found.flatMap(p => p.tags.map(t => t.tag)), progress.read, range)
  const flags = useMemo(() => flagsOf(progress.marks), [progress.marks.length])
  const sections = [...new Set(found.map(p => p.section))]
  return <>
    <Controls look={look} range={range}>
      {probes.length > 1 && <fieldset class="probes"><legend>probes</legend>{probes.map(p => <label key={p}>
        <input type="checkbox" checked={shown.size ? shown.has(p) : p !== "guard"} onChange={e => {
          const next = new Set(shown.size ? shown : probes.filter(q => q !== "guard"))
          if (e.currentTarget.checked) next.add(p)
          else next.delete(p)
          set({ probes: [...next].join("|") })
        }} /> {visible(p)}</label>)}</fieldset>}
      <label>only <input type="search" value={only} placeholder="loss, rank, ..." onInput={e => set({ only: e.currentTarget.value })} /></label>
    </Controls>
    {error && <p class="bad" role="alert">{error}</p>}
    {progress.tags.length === 0 && <p>The run has written no numbers yet.</p>}
    {sections.map(section => <section key={section}>
      <h2>{section}</h2>
      <div class="charts">{found.filter(p => p.section === section).map(p =>
        <Chart key={p.title + section} title={p.title + (p.what ? ` · ${p.what}` : "")} look={look} flags={flags} range={range} onZoom={zoom}
          series={seriesOf(p, data)} guide={p.tags[0]?.tag === "loss" ? constant(progress) : p.tags[0]?.metric === "std" ? { value: 1, name: "spread evenly" } : undefined}
          csv={p.tags.length === 1 ? `/api/runs/${id}/curve.csv?tag=${encodeURIComponent(p.tags[0]!.tag)}` : undefined} />)}</div>
    </section>)}
    <Events marks={progress.marks} />
  </>
}

const noCurve: Curve = { step: [], time: [], value: [] }

/** seriesOf are the curves of a panel. The probe is named where there are several. */
function seriesOf(p: Panel, data: Record<string, Curve>): Series[] {
  const several = new Set(p.tags.map(t => t.probe)).size > 1
  return p.tags.map((t, i) => ({
    name: t.group === "eval" ? t.of + (several ? ` on ${visible(t.probe.split("/").slice(-2).join("/"))}` : "") : t.group === "gradients" ? visible(t.metric) : visible(title(t.metric)), curve: data[t.tag] ?? noCurve, colour: i,
  }))
}

/** Constant is the loss that a collapsed network would have. */
function constant(p: Progress): { value: number; name: string } | undefined {
  const v = p.constant?.value
  return typeof v === "number" ? { value: v, name: p.constant?.minimum ? "a constant embedding has this, the least" : "a constant embedding has this" } : undefined
}

function Events({ marks }: { marks: Mark[] }) {
  const shown = marks.filter(m => m.event !== "saved").slice(-100)
  return <section>
    <h2>Events</h2>
    <p class="hint">{plural(marks.filter(m => m.event === "saved").length, "checkpoint")} written</p>
    <ol class="events">{shown.map((m, i) => <li key={i} class={m.event}><span class="number">step {grouped(m.step)}</span> <b>{m.event}</b>{m.class && <> <Class name={m.class} /></>} {visible(m.message ?? m.reason ?? "")}</li>)}</ol>
  </section>
}

function Collapse({ id, progress }: { id: string; progress: Progress }) {
  const [look, range, zoom] = useLook()
  const probe = progress.evals.find(e => e.probe !== "guard" && e.of === "embedding")?.probe ?? "guard"
  const wanted = ["std", "mean_cosine", "effective_rank"].map(m => `eval/${probe.replace(/^\/+|\/+$/g, "")}/embedding/${m}`)
  const tags = [...wanted, "loss"].filter(t => progress.tags.includes(t))
  const [data, error] = useCurves(id, tags, progress.read, range)
  const [spectra, setSpectra] = useState<Spectrum[]>([])
  const evaluations = progress.evals.filter(e => e.probe === probe && e.of === "embedding").length
  useEffect(() => {
    const asked = new AbortController()
    ask<Spectrum[]>(`/api/runs/${id}/spectra?probe=${encodeURIComponent(probe)}&of=embedding`, asked.signal).then(setSpectra, () => {})
    return () => asked.abort()
  }, [id, probe, evaluations])
  const flags = useMemo(() => flagsOf(progress.marks), [progress.marks.length])
  const { query } = usePlace()
  const withSpectrum = spectra.filter(s => s.values?.length > 0), at = Math.min(withSpectrum.length - 1, Number(query.get("at") ?? withSpectrum.length - 1))
  const drawn = withSpectrum[at]
  return <>
    <section class="verdict">
      <p>{progress.class ? <Class name={progress.class} /> : <span class="hint">Nothing has been measured after the start yet.</span>} {visible(progress.words ?? "")}</p>
      {progress.causes && <p class="hint">What usually makes this method collapse: {visible(progress.causes)}</p>}
      {progress.constant && <p class="hint">A constant embedding would have the loss {number(progress.constant.value)}{progress.constant.minimum ? ", which is the least that the loss can be: nothing in the loss stops a collapse." : "."}</p>}
    </section>
    <Controls look={look} range={range} />
    {error && <p class="bad" role="alert">{error}</p>}
    <div class="charts">{tags.map((t, i) => <Chart key={t} title={t === "loss" ? "Loss" : title(t.split("/").pop()!)} look={look} flags={flags} range={range} onZoom={zoom}
      series={[{ name: t === "loss" ? "loss" : "embedding", curve: data[t] ?? noCurve, colour: i }]} guide={t === "loss" ? constant(progress) : t.endsWith("/std") ? { value: 1, name: "spread evenly" } : undefined}
      csv={`/api/runs/${id}/curve.csv?tag=${encodeURIComponent(t)}`} />)}</div>
    {drawn && <section>
      <h2>Spectrum of the embedding</h2>
      <p class="hint">Singular values relative to the largest. A collapsed embedding has one that counts; one that fills few directions falls early.</p>
      <label class="slider">evaluation <input type="range" min={0} max={withSpectrum.length - 1} value={at} onInput={e => set({ at: e.currentTarget.value })} /> <output>step {grouped(drawn.step)}</output></label>
      <div class="charts"><Heat spectra={withSpectrum} at={at} /><Points spectrum={drawn} all={withSpectrum} /></div>
    </section>}
  </>
}

function Settings({ id, own, dir }: { id: string; own: Entry[]; dir: string }) {
  const { query } = usePlace()
  const store = useStore()
  const other = query.get("against") ?? "", filter = (query.get("key") ?? "").toLowerCase(), changed = query.get("changed") === "1"
  const [entries, setEntries] = useState(own)
  const [error, setError] = useState("")
  useEffect(() => {
    setError("")
    if (!other) return setEntries(own)
    const asked = new AbortController()
    ask<Entry[]>(`/api/runs/${id}/config?against=${encodeURIComponent(other)}`, asked.signal).then(setEntries, e => asked.signal.aborted || setError(e.message))
    return () => asked.abort()
  }, [id, other, own])
  const shown = entries.filter(e => (!filter || e.path.toLowerCase().includes(filter) || e.value.toLowerCase().includes(filter)) && (!changed || (other ? e.other !== undefined : e.source && e.source !== "default")))
  const others = [...store.rows.values()].filter(r => r.id !== id).sort((a, b) => a.name.localeCompare(b.name))
  return <section>
    <p class="hint">The run is in <code>{visible(dir)}</code>. It is resumed with <code>parallax pretrain --resume {visible(dir)}</code>.</p>
    <div class="controls">
      <label>find <input type="search" value={filter} onInput={e => set({ key: e.currentTarget.value })} /></label>
      <label>compare with <select value={other} onChange={e => set({ against: e.currentTarget.value })}><option value="">no other run</option>{others.slice(0, 2000).map(r => <option key={r.id} value={r.id}>{visible(r.name)}</option>)}</select></label>
      <label><input type="checkbox" checked={changed} onChange={e => set({ changed: e.currentTarget.checked ? 1 : "" })} /> {other ? "differences only" : "without defaults"}</label>
    </div>
    {error && <p class="bad" role="alert">{error}</p>}
    <table class="settings">
      <thead><tr><th scope="col">setting</th><th scope="col">value</th>{other && <th scope="col">{visible(store.rows.get(other)?.name ?? "the other run")}</th>}<th scope="col">source</th></tr></thead>
      <tbody>{shown.map((e, i) => <tr key={i} class={e.other !== undefined ? "differs" : ""}><th scope="row"><code>{visible(e.path)}</code></th><td data-label="value"><code>{visible(e.value)}</code></td>
        {other && <td data-label="other run"><code>{e.other === undefined ? "the same" : visible(e.other)}</code></td>}<td data-label="source">{visible(e.source ?? "")}</td></tr>)}</tbody>
    </table>
    {shown.length === 0 && <p>{other && changed ? "The two runs have the same settings." : "No setting fits."}</p>}
  </section>
}
