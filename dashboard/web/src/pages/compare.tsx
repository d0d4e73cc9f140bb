// SPDX-License-Identifier: Apache-2.0
// Runs side by side: the same curves of all, their last numbers, and the settings in which they differ.
import { useEffect, useMemo, useState } from "preact/hooks"
import { ask, curves, type Curve, type Entry, type Story } from "../api"
import { Chart } from "../chart"
import { fixed, grouped, number, sharedFolder, shortName, visible } from "../format"
import { link, set, usePlace } from "../place"
import { useStore } from "../store"
import { parsed, title } from "../tags"
import { Controls, useLook } from "./run"
import { Class, State } from "./runs"

const most = 16

/** Key names the same curve of different runs, whose probes have other paths. */
function key(tag: string): string {
  const t = parsed(tag)
  return t.group === "eval" ? (t.probe === "guard" ? "" : `${t.of}: ${title(t.metric)}`) : t.group === "step" ? title(t.metric) : `${t.group === "terms" ? "term" : "gradient"}: ${t.metric}`
}

const first = ["Loss", "backbone: kNN accuracy", "embedding: Standard deviation", "embedding: Effective rank", "embedding: Mean cosine of two images", "Images per second"]

export function Compare() {
  const { query } = usePlace()
  const store = useStore()
  const ids = useMemo(() => (query.get("runs") ?? "").split(",").filter(Boolean).slice(0, most), [query.get("runs")])
  const [look, range, zoom] = useLook()
  const [stories, setStories] = useState<Record<string, Story>>({})
  const [data, setData] = useState<Record<string, Record<string, Curve>>>({})
  const [error, setError] = useState("")
  useEffect(() => {
    const asked = new AbortController()
    Promise.all(ids.map(id => ask<Story>(`/api/runs/${id}`, asked.signal))).then(all => {
      setStories(Object.fromEntries(all.map(s => [s.row.id, s]))), setError("")
    }, e => asked.signal.aborted || setError(e.message))
    return () => asked.abort()
  }, [ids])
  const have = ids.filter(id => stories[id])
  const keys = useMemo(() => {
    const all = new Set(have.flatMap(id => stories[id]!.progress.tags.map(key)).filter(Boolean))
    return [...first.filter(k => all.has(k)), ...[...all].filter(k => !first.includes(k)).sort()]
  }, [stories, ids])
  const chosen = (query.get("curves") ?? "").split("|").filter(k => keys.includes(k))
  const shown = chosen.length ? chosen : first.filter(k => keys.includes(k))
  const steps = have.map(id => store.rows.get(id)?.step ?? 0).join()
  useEffect(() => {
    const asked = new AbortController()
    const timer = setTimeout(async () => {
      try {
        const all = await Promise.all(have.map(async id => {
          const tags = stories[id]!.progress.tags.filter(t => shown.includes(key(t))).slice(0, 60)
          return [id, tags.length ? await curves(id, tags, range ? { from: range[0], to: range[1] } : {}, asked.signal) : {}] as const
        }))
        setData(Object.fromEntries(all))
      } catch (e) {
        if (!asked.signal.aborted) setError((e as Error).message)
      }
    }, 100)
    return () => {
      clearTimeout(timer)
      asked.abort()
    }
  }, [stories, shown.join("|"), steps, range?.[0], range?.[1]])
  const shared = sharedFolder(have.map(id => stories[id]!.row.name))
  const name = (id: string) => visible(shortName(stories[id]?.row.name ?? id, shared))
  if (!ids.length) return <main><h1>Compare</h1><p>Choose runs in <a href="/">the table</a>, by the box in front of each.</p></main>
  return <main class="compare">
    <header class="bar"><h1>Compare {have.length} runs</h1></header>
    {error && <p class="bad" role="alert">{error}</p>}
    <table class="stack">
      <thead><tr><th scope="col">run</th><th scope="col">state</th><th scope="col" class="number">steps</th><th scope="col" class="number">kNN</th><th scope="col" class="number">linear</th><th scope="col" class="number">std</th><th scope="col" class="number">rank</th><th scope="col" class="number">loss</th><th scope="col">diagnosis</th><th scope="col"><span class="hidden">leave out</span></th></tr></thead>
      <tbody>{have.map((id, i) => {
        const r = store.rows.get(id) ?? stories[id]!.row
        return <tr key={id}><th scope="row"><span class={`key s${i % 8}`} aria-hidden="true" /> <a href={link(`/run/${id}`)}>{name(id)}</a></th><td data-label="state"><State row={r} /></td>
          <td class="number" data-label="steps">{grouped(r.step)}</td><td class="number" data-label="kNN">{fixed(r.knn, 3)}</td><td class="number" data-label="linear">{fixed(r.linear, 3)}</td><td class="number" data-label="std">{fixed(r.std, 2)}</td>
          <td class="number" data-label="rank">{fixed(r.rank, 1)}</td><td class="number" data-label="loss">{number(r.loss)}</td><td data-label="diagnosis">{r.class ? <Class name={r.class} /> : "–"}</td>
          <td><button type="button" class="quiet" aria-label={`leave out ${name(id)}`} onClick={() => set({ runs: ids.filter(o => o !== id).join(",") })}>×</button></td></tr>
      })}</tbody>
    </table>
    <Controls look={look} range={range}>
      <details class="choice"><summary>curves: {shown.length} of {keys.length}</summary><fieldset><legend class="hidden">curves</legend>{keys.map(k => <label key={k}>
        <input type="checkbox" checked={shown.includes(k)} onChange={e => set({ curves: (e.currentTarget.checked ? [...shown, k] : shown.filter(s => s !== k)).join("|") })} /> {visible(k)}</label>)}</fieldset></details>
    </Controls>
    <div class="charts">{shown.map(k => <Chart key={k} title={visible(k)} look={look} range={range} onZoom={zoom}
      series={have.flatMap((id, i) => Object.entries(data[id] ?? {}).filter(([tag]) => key(tag) === k).map(([, curve]) => ({ name: name(id), curve, colour: i })))} />)}</div>
    <Differences stories={have.map(id => stories[id]!)} name={name} />
  </main>
}

/** Differences lists the settings that are not the same in all runs. */
function Differences({ stories, name }: { stories: Story[]; name: (id: string) => string }) {
  const paths = [...new Set(stories.flatMap(s => s.settings.map(e => e.path)))]
  const of = (s: Story, path: string): Entry[] => s.settings.filter(e => e.path === path)
  const rows = paths.map(path => [path, stories.map(s => of(s, path).map(e => e.value).join(", ") || "(none)")] as const).filter(([, values]) => new Set(values).size > 1)
  if (stories.length < 2) return null
  return <section><h2>Settings that differ</h2>
    {rows.length === 0 ? <p>None: the runs have the same settings.</p> : <div class="wide"><table class="settings"><thead><tr><th scope="col">setting</th>{stories.map(s => <th scope="col" key={s.row.id}>{name(s.row.id)}</th>)}</tr></thead>
      <tbody>{rows.map(([path, values]) => <tr key={path}><th scope="row"><code>{visible(path)}</code></th>{values.map((v, i) => <td key={i} data-label={name(stories[i]!.row.id)}><code>{visible(v)}</code></td>)}</tr>)}</tbody></table></div>}
  </section>
}
