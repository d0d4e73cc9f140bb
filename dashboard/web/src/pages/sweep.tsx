// SPDX-License-Identifier: Apache-2.0
// A sweep: its groups compared at equal steps and at equal time, and its runs.
import { useEffect, useState } from "preact/hooks"
import { ask, type Row } from "../api"
import { plural, sharedFolder, shortName, visible } from "../format"
import { link } from "../place"
import { useStore } from "../store"
import { Class, State } from "./runs"

interface Cell { text: string; p: string; best: boolean }
interface Table { title: string; scores: string[]; rows: { group: number; label: string; runs: number; cells: Cell[]; classes: string }[] }
interface Compared { id: string; name: string; tables: Table[]; verdicts: string[]; remarks: string[]; runs: Row[]; problem?: string }

const mostCurves = 16 // runs that the page of curves takes

export function Sweep({ id }: { id: string }) {
  const store = useStore()
  const [sweep, setSweep] = useState<Compared>()
  const [error, setError] = useState("")
  const steps = (sweep?.runs ?? []).map(r => store.rows.get(r.id)?.step ?? 0).join()
  useEffect(() => {
    const asked = new AbortController()
    const timer = setTimeout(() => ask<Compared>(`/api/sweeps/${id}`, asked.signal).then(s => {
      setSweep(s), setError("")
      document.title = `${s.name} – Parallax`
    }, e => asked.signal.aborted || setError(e.message)), sweep ? 2000 : 0)
    return () => {
      clearTimeout(timer)
      asked.abort()
    }
  }, [id, steps])
  if (!sweep) return <main><h1>Sweep</h1>{error ? <p class="bad" role="alert">{visible(error)}</p> : <p>reading …</p>}</main>
  const runs = sweep.runs.map(r => store.rows.get(r.id) ?? r)
  const shared = sharedFolder(runs.map(r => r.name))
  const done = runs.filter(r => r.state === "finished" || r.state === "collapsed").length
  return <main class="sweep">
    <header class="bar"><h1>{visible(sweep.name)}</h1><span class="count">{done} of {plural(runs.length, "run")} that have begun are done</span>
      {runs.length > 0 && <a class="button" href={link("/compare", { runs: runs.slice(0, mostCurves).map(r => r.id).join(",") })}>curves of {plural(Math.min(runs.length, mostCurves), "run")}</a>}</header>
    {sweep.problem && <p class="notice">{visible(sweep.problem)}</p>}
    {sweep.verdicts.map(v => <p key={v}>{visible(v)}</p>)}
    {sweep.tables.map(t => <section key={t.title}>
      <h2>{visible(t.title)}</h2>
      <div class="wide"><table class="stack">
        <thead><tr><th scope="col">settings</th><th scope="col" class="number">runs</th>{t.scores.map(s => <th scope="col" class="number" key={s}>{visible(s)}</th>)}<th scope="col">ended as</th></tr></thead>
        <tbody>{t.rows.map(r => <tr key={r.group}><th scope="row">{visible(r.label)}</th><td class="number" data-label="runs">{r.runs}</td>
          {r.cells.map((c, i) => <td class="number" key={t.scores[i]} data-label={t.scores[i]}>{c.best ? <b>{visible(c.text)}</b> : visible(c.text)} <small>{c.best ? "best" : c.p && `p ${visible(c.p)}`}</small></td>)}
          <td data-label="ended as">{visible(r.classes)}</td></tr>)}</tbody>
      </table></div>
    </section>)}
    {sweep.remarks.map(r => <p class="hint" key={r}>{visible(r)}</p>)}
    <section><h2>Runs</h2>
      <div class="wide"><table class="stack"><thead><tr><th scope="col">run</th><th scope="col">state</th><th scope="col">diagnosis</th></tr></thead>
        <tbody>{runs.map(r => <tr key={r.id}><th scope="row"><a href={link(`/run/${r.id}`)}>{visible(shortName(r.name, shared))}</a></th><td data-label="state"><State row={r} /></td><td data-label="diagnosis">{r.class ? <Class name={r.class} /> : "–"}</td></tr>)}</tbody></table></div>
    </section>
  </main>
}
