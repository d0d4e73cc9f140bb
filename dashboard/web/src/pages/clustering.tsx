// SPDX-License-Identifier: Apache-2.0
// A clustering: its clusters with sizes and confidence, their images, their names, and the labels that there are.
import { useEffect, useRef, useState } from "preact/hooks"
import { ask, put, type Maybe } from "../api"
import { fixed, grouped, plural, visible } from "../format"
import { link, set, usePlace } from "../place"
import { useStore } from "../store"

interface Group { cluster: number; images: number; confidence: number; labels?: number[] }
interface Stage { stage: string; classes: number; sizes: number[]; confidence: number; score?: Maybe; acc?: Maybe; nmi?: Maybe; ari?: Maybe; knn?: Maybe }
interface Clusters {
  id: string
  name: string
  report?: { images: number; classes: number; stages: Stage[] | null; best?: string; stopped?: string; premise?: { agreement: number; consistency: number; good: boolean } }
  groups: Group[]
  classes: string[] | null
  stages: { id: string; kind: string; name: string }[]
  notes: { names?: Record<string, string>; version?: string }
  problem?: string
}
interface Member { index: number; name: string; confidence: number; label: number }
interface Gallery { of: number; run: string; images: Member[] }

export function Clustering({ id }: { id: string }) {
  const [c, setC] = useState<Clusters>()
  const [error, setError] = useState("")
  const [names, setNames] = useState<Record<string, string>>({})
  const version = useRef("")
  const store = useStore()
  const write = store.table?.write ?? false
  const { query } = usePlace()
  const open = query.get("cluster")
  useEffect(() => {
    const asked = new AbortController()
    ask<Clusters>(`/api/clusterings/${id}`, asked.signal).then(found => {
      setC(found), setNames(found.notes.names ?? {}), version.current = found.notes.version ?? ""
      document.title = `${found.name} – Parallax`
    }, e => asked.signal.aborted || setError(e.message))
    return () => asked.abort()
  }, [id])
  async function name(cluster: number, text: string): Promise<void> {
    const next: Record<string, string> = { ...names, [cluster]: text }
    if (!text) delete next[cluster]
    setNames(next)
    try {
      const kept = await put<Clusters["notes"]>(`/api/clusterings/${id}/names`, { names: next, version: version.current })
      version.current = kept.version ?? ""
      setError("")
    } catch (e) {
      setError((e as Error).message)
    }
  }
  if (!c) return <main><h1>Clustering</h1>{error ? <p class="bad" role="alert">{visible(error)}</p> : <p>reading …</p>}</main>
  const classes = c.classes ?? []
  const stock = [...new Set([...classes, ...Object.values(names)])].filter(Boolean)
  const sort = query.get("sort") ?? "size"
  const groups = [...c.groups].sort((a, b) => sort === "confidence" ? b.confidence - a.confidence : sort === "number" ? a.cluster - b.cluster : b.images - a.images)
  return <main class="clustering">
    <header class="bar"><h1>{visible(c.name)}</h1>
      {c.report && <span class="count">{plural(c.report.images, "image")} in {plural(c.report.classes, "cluster")}</span>}
      <a class="button" href={`/api/clusterings/${id}/clusters.csv`} download>CSV with names</a></header>
    {error && <p class="bad" role="alert">{visible(error)}</p>}
    {c.problem && <p class="notice">No pictures: {visible(c.problem)}</p>}
    {!c.report && <p>The clustering goes on: its report is not written yet.</p>}
    {c.stages.length > 0 && <p>Its stages: {c.stages.map(s => <> <a key={s.id} href={link(`/run/${s.id}`)}>{s.kind}</a></>)}</p>}
    {c.report?.premise && <p class="hint">Neighbours kept under augmentation: {fixed(c.report.premise.consistency, 2)}; heads agree: {fixed(c.report.premise.agreement, 2)}. The features are {c.report.premise.good ? "good enough" : "too weak"} to cluster.</p>}
    {c.report?.stages && <table class="stack"><thead><tr><th scope="col">stage</th><th scope="col" class="number">score</th><th scope="col" class="number">confidence</th><th scope="col" class="number">ACC</th><th scope="col" class="number">NMI</th><th scope="col" class="number">ARI</th></tr></thead>
      <tbody>{c.report.stages.map(s => <tr key={s.stage}><th scope="row">{visible(s.stage)}{s.stage === c.report?.best ? " (kept)" : ""}</th><td class="number" data-label="score">{fixed(s.score, 3)}</td><td class="number" data-label="confidence">{fixed(s.confidence, 3)}</td><td class="number" data-label="ACC">{fixed(s.acc, 3)}</td><td class="number" data-label="NMI">{fixed(s.nmi, 3)}</td><td class="number" data-label="ARI">{fixed(s.ari, 3)}</td></tr>)}</tbody></table>}
    {c.groups.length > 0 && <>
      <div class="controls">
        <label>order <select value={sort} onChange={e => set({ sort: e.currentTarget.value })}><option value="size">by size</option><option value="confidence">by confidence</option><option value="number">by number</option></select></label>
        {write && stock.length > 0 && <span class="stock" aria-label="Names to drag onto a cluster">{stock.slice(0, 60).map(n => <span key={n} class="tag" draggable onDragStart={e => e.dataTransfer?.setData("text/plain", n)}>{visible(n)}</span>)}</span>}
      </div>
      <p class="hint">{write ? "Drag a name onto a cluster, or type it." : "To name clusters, open the address that the dashboard printed."}</p>
      <ul class="groups">{groups.map(g => <li key={g.cluster} class={open === String(g.cluster) ? "open" : ""}
        onDragOver={e => write && e.preventDefault()} onDrop={e => {
          e.preventDefault()
          const dropped = e.dataTransfer?.getData("text/plain")
          if (write && dropped) void name(g.cluster, dropped)
        }}>
        <header>
          <button type="button" aria-expanded={open === String(g.cluster)} onClick={() => set({ cluster: open === String(g.cluster) ? "" : g.cluster })}>
            <b>{names[g.cluster] ? visible(names[g.cluster]!) : `cluster ${g.cluster}`}</b></button>
          <span>{plural(g.images, "image")}, confidence {fixed(g.confidence, 2)}</span>
          {write && <input aria-label={`name of cluster ${g.cluster}`} placeholder="name" value={names[g.cluster] ?? ""} onChange={e => void name(g.cluster, e.currentTarget.value.trim())} />}
        </header>
        {g.labels && g.images > 0 && <Bar labels={g.labels} classes={classes} />}
        <Pictures id={id} cluster={g.cluster} count={open === String(g.cluster) ? 200 : 12} classes={classes} />
      </li>)}</ul>
      {classes.length > 0 && classes.length <= 100 && <Confusion groups={c.groups} classes={classes} names={names} />}
    </>}
  </main>
}

/** Bar shows the classes of a cluster's images. */
function Bar({ labels, classes }: { labels: number[]; classes: string[] }) {
  const all = labels.reduce((a, b) => a + b, 0) || 1
  const parts = labels.map((n, i) => [n, classes[i] ?? String(i), i] as const).filter(([n]) => n > 0).sort((a, b) => b[0] - a[0])
  return <div class="mix" role="img" aria-label={parts.slice(0, 5).map(([n, name]) => `${visible(name)} ${Math.round(100 * n / all)} %`).join(", ")}>
    {parts.slice(0, 12).map(([n, name, i]) => <span key={i} class={`key s${i % 8}`} title={`${visible(name)}: ${grouped(n)}`} style={{ width: `${100 * n / all}%` }}>{n / all > 0.18 ? visible(name) : ""}</span>)}
  </div>
}

function Pictures({ id, cluster, count, classes }: { id: string; cluster: number; count: number; classes: string[] }) {
  const { query } = usePlace()
  const order = query.get("order") ?? ""
  const [g, setG] = useState<Gallery>()
  useEffect(() => {
    const asked = new AbortController()
    ask<Gallery>(`/api/clusterings/${id}/clusters/${cluster}?count=${count}${order ? `&order=${order}` : ""}`, asked.signal).then(setG, () => {})
    return () => asked.abort()
  }, [id, cluster, count, order])
  if (!g) return null
  return <>
    {count > 12 && <div class="controls"><label>show <select value={order} onChange={e => set({ order: e.currentTarget.value })}><option value="">the surest first</option><option value="unsure">the least sure first</option></select></label></div>}
    <ul class="pictures">{g.images.map(m => <li key={m.name} title={`${visible(m.name)}: ${fixed(m.confidence, 3)}`}>
      {m.index >= 0 ? <img src={`/api/runs/${g.run}/images/${m.index}?side=64`} alt={visible(m.name)} width={64} height={64} loading="lazy" /> : <span class="none">{visible(m.name)}</span>}
      {count > 12 && <small>{fixed(m.confidence, 2)}{m.label >= 0 ? ` · ${visible(classes[m.label] ?? "")}` : ""}</small>}
    </li>)}</ul>
  </>
}

function Confusion({ groups, classes, names }: { groups: Group[]; classes: string[]; names: Record<string, string> }) {
  return <section><h2>Clusters and labels</h2>
    <div class="wide"><table class="confusion"><thead><tr><th scope="col">cluster</th>{classes.map(n => <th scope="col" key={n}>{visible(n)}</th>)}</tr></thead>
      <tbody>{groups.map(g => <tr key={g.cluster}><th scope="row">{names[g.cluster] ? visible(names[g.cluster]!) : g.cluster}</th>{classes.map((n, i) => {
        const count = g.labels?.[i] ?? 0, share = count / (g.images || 1)
        return <td key={n} class="number" style={{ background: `color-mix(in srgb, var(--s0) ${Math.round(share * 60)}%, transparent)` }}>{count ? grouped(count) : ""}</td>
      })}</tr>)}</tbody></table></div>
  </section>
}
