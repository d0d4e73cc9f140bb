// SPDX-License-Identifier: Apache-2.0
// The table of runs: filter, sort, pin, choose for a comparison.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks"
import type { Row } from "../api"
import { ago, duration, fixed, grouped, moment, number, plural, sharedFolder, shortName, visible } from "../format"
import { go, link, set, usePlace } from "../place"
import { useStore } from "../store"

interface Column {
  key: string
  title: string
  what: string // for the title of the heading
  of(r: Row): number | string | undefined
  show(r: Row, shared: string): preact.ComponentChildren
  number?: boolean
}

const columns: Column[] = [
  { key: "name", title: "run", what: "folder of the run", of: r => r.name, show: (r, shared) => <RunName row={r} shared={shared} /> },
  { key: "state", title: "state", what: "what the run does", of: r => r.state, show: r => <State row={r} /> },
  { key: "method", title: "method", what: "objective", of: r => r.method, show: r => visible(r.method ?? "–") },
  { key: "network", title: "network", what: "backbone", of: r => r.network, show: r => visible(r.network?.replace(", width ", " w") ?? "–") },
  { key: "step", title: "steps", what: "optimiser steps done, of all", of: r => r.step, show: r => <Steps row={r} />, number: true },
  { key: "knn", title: "kNN", what: "kNN accuracy of the backbone, by the first probe", of: r => r.knn ?? undefined, show: r => fixed(r.knn, 3), number: true },
  { key: "linear", title: "linear", what: "accuracy of the linear probe beside training", of: r => r.linear ?? undefined, show: r => fixed(r.linear, 3), number: true },
  { key: "std", title: "std", what: "standard deviation of the embedding: 1 is spread evenly, 0 is collapsed", of: r => r.std ?? undefined, show: r => fixed(r.std, 2), number: true },
  { key: "rank", title: "rank", what: "effective rank of the embedding", of: r => r.rank ?? undefined, show: r => fixed(r.rank, 1), number: true },
  { key: "loss", title: "loss", what: "loss of the last step that was logged", of: r => r.loss ?? undefined, show: r => number(r.loss), number: true },
  { key: "class", title: "diagnosis", what: "the guard's last word", of: r => r.class, show: r => r.class ? <Class name={r.class} /> : "–" },
  { key: "updated", title: "changed", what: "when the run last wrote an event", of: r => r.updated, show: r => <time title={moment(r.updated)}>{ago(r.updated)}</time>, number: true },
]

/** Class is a class of collapse as a badge. */
export function Class({ name }: { name: string }) {
  const good = name === "HEALTHY", open = ["UNKNOWN", "NOT_CONVERGED", "NOT_EXPANDED", "WEAK"].includes(name)
  return <span class={`class ${good ? "good" : open ? "open" : "bad"}`}>{visible(name).replaceAll("_", " ")}</span>
}

const meanings: Record<Row["state"], string> = {
  running: "a process trains it",
  finished: "it reached its end",
  stopped: "it was stopped by a signal or an error; pretrain --resume continues it",
  collapsed: "the guard stopped it",
  stale: "its process is gone without a word; pretrain --resume continues it",
  new: "it has no events yet",
}

/** State is the state of a run, with a sign that does not depend on colour. */
export function State({ row }: { row: Row }) {
  return <span class={`state ${row.state}`} title={meanings[row.state]}>
    <span aria-hidden="true" class="sign" />{row.state}{row.state === "running" && row.left ? <small> {duration(row.left)} left</small> : null}
  </span>
}

function Steps({ row }: { row: Row }) {
  const share = row.steps ? Math.min(1, row.step / row.steps) : 0
  return <span class="steps" title={row.steps ? `${grouped(row.step)} of ${grouped(row.steps)} steps, epoch ${row.epoch + 1}` : ""}>
    <span class="count">{grouped(row.step)}</span>{row.steps ? <progress max={1} value={share} /> : null}
  </span>
}

function RunName({ row, shared }: { row: Row; shared: string }) {
  return <>
    <a href={link(`/run/${row.id}`)} title={visible(row.name)}>{visible(shortName(row.name, shared))}</a>
    {row.tags?.map(t => <span class="tag" key={t}>{visible(t)}</span>)}
    {row.note ? <small class="note" title={visible(row.note)}>{visible(row.note.split("\n")[0]!).slice(0, 60)}</small> : null}
    {row.error ? <small class="bad" title={visible(row.error)}>cannot be read whole</small> : null}
  </>
}

/** Matches says whether a row has every word of the filter. A word such as method:simclr asks one column. */
export function matches(r: Row, filter: string): boolean {
  const whole = [r.name, r.state, r.method, r.network, r.data, r.class, r.note, ...(r.tags ?? [])].join("\n").toLowerCase()
  return filter.toLowerCase().split(/\s+/).filter(Boolean).every(word => {
    const no = word.startsWith("-"), plain = no ? word.slice(1) : word
    const [key, value] = plain.split(/:(.*)/s)
    let has: boolean
    if (value === undefined || value === "") has = whole.includes(plain)
    else if (key === "tag") has = (r.tags ?? []).some(t => t.toLowerCase().includes(value))
    else if (key && key in r) has = String((r as unknown as Record<string, unknown>)[key] ?? "").toLowerCase().includes(value)
    else has = whole.includes(plain)
    return has !== no
  })
}

const pins = () => new Set<string>(JSON.parse(localStorage.getItem("pins") ?? "[]") as string[])

// The heights of a row in pixels, on a screen and on a phone; the style sheet has them, too.
const height = 34, narrowHeight = 96

export function Runs() {
  const store = useStore()
  const { query } = usePlace()
  const filter = query.get("filter") ?? "", sort = query.get("sort") ?? "-updated"
  const chosen = useMemo(() => new Set((query.get("chosen") ?? "").split(",").filter(Boolean)), [query.get("chosen")])
  const [pinned, setPinned] = useState(pins)
  const [at, setAt] = useState(-1)
  const input = useRef<HTMLInputElement>(null)
  const all = [...store.rows.values()]
  const shared = useMemo(() => sharedFolder(all.map(r => r.name)), [store.rows.size])
  const rows = useMemo(() => ordered(all.filter(r => matches(r, filter)), sort, pinned), [all, filter, sort, pinned])
  const view = useWindow(rows.length)

  // A key acts on the row that is seen to be chosen, so the listener changes together with the page.
  useLayoutEffect(() => {
    const key = (e: KeyboardEvent) => {
      if (e.target instanceof HTMLInputElement || e.target instanceof HTMLTextAreaElement || e.metaKey || e.ctrlKey || e.altKey) return
      if (e.key === "/") e.preventDefault(), input.current?.focus()
      else if (e.key === "j") setAt(i => Math.min(rows.length - 1, i + 1))
      else if (e.key === "k") setAt(i => Math.max(0, i - 1))
      else if (e.key === "x" && rows[at]) choose(rows[at].id)
      else if (e.key === "p" && rows[at]) pin(rows[at].id)
      else if (e.key === "Enter" && rows[at] && !(e.target as Element).closest?.("a, button, summary")) go(link(`/run/${rows[at].id}`))
    }
    addEventListener("keydown", key)
    return () => removeEventListener("keydown", key)
  })
  useEffect(() => {
    if (at >= 0) document.getElementById(`row-${rows[at]?.id}`)?.scrollIntoView({ block: "nearest" })
  }, [at])

  function choose(id: string): void {
    const next = new Set(chosen)
    if (!next.delete(id)) next.add(id)
    set({ chosen: [...next].join(",") })
  }
  function pin(id: string): void {
    const next = pins()
    if (!next.delete(id)) next.add(id)
    localStorage.setItem("pins", JSON.stringify([...next]))
    setPinned(next)
  }

  return <main class="runs">
    <header class="bar">
      <h1>Runs</h1>
      <input ref={input} type="search" value={filter} placeholder="filter: words, method:simclr, state:running, -tag:old" aria-label="Filter the runs"
        onInput={e => set({ filter: e.currentTarget.value })} />
      <span class="count" role="status">{plural(rows.length, "run")}{rows.length < all.length ? ` of ${grouped(all.length)}` : ""}</span>
      {chosen.size > 0 && <span class="chosen">
        <a class="button" href={link("/compare", { runs: [...chosen].join(",") })}>Compare {chosen.size}</a>
        <button type="button" class="quiet" onClick={() => set({ chosen: "" })}>none</button>
      </span>}
    </header>
    {store.error && <p class="bad" role="alert">{store.error}</p>}
    {store.table?.partial && <p class="notice">{store.table.partial}</p>}
    {store.table && all.length === 0 && <Nothing places={store.table.places} />}
    {rows.length > 0 && <div class="table" role="table" aria-rowcount={rows.length + 1} aria-label="Runs" ref={view.ref}>
      <div role="row" class="row head">
        <span role="columnheader" class="mark"><span class="hidden">pin</span></span>
        <span role="columnheader" class="mark"><span class="hidden">compare</span></span>
        {columns.map(c => <span role="columnheader" key={c.key} class={`c-${c.key}${c.number ? " number" : ""}`}
          aria-sort={sort === c.key ? "ascending" : sort === "-" + c.key ? "descending" : "none"}>
          <button type="button" title={c.what} onClick={() => set({ sort: sort === "-" + c.key ? c.key : sort === c.key ? "-" + c.key : c.number ? "-" + c.key : c.key })}>
            {c.title}<span aria-hidden="true" class="arrow">{sort === c.key ? "↑" : sort === "-" + c.key ? "↓" : ""}</span>
          </button>
        </span>)}
      </div>
      <div role="presentation" style={{ height: `${view.from * view.tall}px` }} />
      {rows.slice(view.from, view.to).map((r, i) => <div role="row" key={r.id} id={`row-${r.id}`} aria-rowindex={view.from + i + 2}
        class={`row${pinned.has(r.id) ? " pinned" : ""}${at === view.from + i ? " at" : ""}`}>
        <span role="cell" class="mark"><button type="button" class="pin" aria-pressed={pinned.has(r.id)} aria-label={`pin ${visible(r.name)}`} onClick={() => pin(r.id)} /></span>
        <span role="cell" class="mark"><input type="checkbox" checked={chosen.has(r.id)} aria-label={`compare ${visible(r.name)}`} onChange={() => choose(r.id)} /></span>
        {columns.map(c => <span role="cell" key={c.key} class={`c-${c.key}${c.number ? " number" : ""}`} data-label={c.title}>{c.show(r, shared)}</span>)}
      </div>)}
      <div role="presentation" style={{ height: `${Math.max(0, rows.length - view.to) * height}px` }} />
    </div>}
  </main>
}

function Nothing({ places }: { places: string[] }) {
  return <section class="nothing">
    <p>There is no run in {places.map(p => <code key={p}>{visible(p)}</code>)}.</p>
    <p>This trains one, which appears here at once:</p>
    <pre><code>parallax pretrain --data photos --minutes 10 --out {visible(places[0] ?? "runs")}/first</code></pre>
  </section>
}

/** Ordered sorts rows by a column, backwards with a minus; pinned ones come first, and rows without a value last. */
function ordered(rows: Row[], sort: string, pinned: Set<string>): Row[] {
  const back = sort.startsWith("-"), key = back ? sort.slice(1) : sort
  const column = columns.find(c => c.key === key) ?? columns[columns.length - 1]!
  const value = new Map(rows.map(r => [r.id, column.of(r)]))
  return rows.sort((a, b) => {
    const pin = Number(pinned.has(b.id)) - Number(pinned.has(a.id))
    if (pin) return pin
    const u = value.get(a.id), v = value.get(b.id)
    if (u === undefined || v === undefined) return Number(u === undefined) - Number(v === undefined) || a.name.localeCompare(b.name)
    const less = typeof u === "number" && typeof v === "number" ? u - v : String(u).localeCompare(String(v))
    return (back ? -less : less) || a.name.localeCompare(b.name)
  })
}

/** UseWindow says which rows are near the part of the table that is seen, so that thousands need not be drawn. */
function useWindow(n: number): { from: number; to: number; tall: number; ref: preact.RefObject<HTMLDivElement | null> } {
  const ref = useRef<HTMLDivElement>(null)
  const [seen, setSeen] = useState({ from: 0, to: 60, tall: height })
  useEffect(() => {
    const look = () => {
      const top = ref.current?.getBoundingClientRect().top ?? 0
      const tall = matchMedia("(max-width: 48rem)").matches ? narrowHeight : height
      const from = Math.max(0, Math.floor(-top / tall) - 20)
      const to = Math.ceil((innerHeight - top) / tall) + 20
      setSeen(was => was.from === from && was.to === to && was.tall === tall ? was : { from, to, tall })
    }
    look()
    addEventListener("scroll", look, { passive: true })
    addEventListener("resize", look)
    return () => {
      removeEventListener("scroll", look)
      removeEventListener("resize", look)
    }
  }, [n > 0])
  return { from: Math.min(seen.from, n), to: Math.min(n, seen.to), tall: seen.tall, ref }
}
