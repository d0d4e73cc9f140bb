// SPDX-License-Identifier: Apache-2.0
// The dashboard's page: what the path names is drawn below the head.
import { render } from "preact"
import { useEffect, useState } from "preact/hooks"
import { Clustering } from "./pages/clustering"
import { Compare } from "./pages/compare"
import { Embedding } from "./pages/embedding"
import { Laboratory } from "./pages/laboratory"
import { Others } from "./pages/others"
import { Run } from "./pages/run"
import { Runs } from "./pages/runs"
import { Sweep } from "./pages/sweep"
import { follow, go, usePlace } from "./place"
import { begin, reload, useStore } from "./store"
import { choose, scheme, show, type Scheme } from "./theme"
import "./style.css"

function Page() {
  const { path } = usePlace()
  const embedding = path.match(/^\/run\/([0-9a-f]+)\/embedding$/)
  if (embedding) return <Embedding id={embedding[1]!} key={embedding[1]} />
  const run = path.match(/^\/run\/([0-9a-f]+)$/)
  if (run) return <Run id={run[1]!} key={run[1]} />
  const clustering = path.match(/^\/clustering\/([0-9a-f]+)$/)
  if (clustering) return <Clustering id={clustering[1]!} key={clustering[1]} />
  const laboratory = path.match(/^\/laboratory\/([0-9a-f]+)$/)
  if (laboratory) return <Laboratory id={laboratory[1]!} key={laboratory[1]} />
  const sweep = path.match(/^\/sweep\/([0-9a-f]+)$/)
  if (sweep) return <Sweep id={sweep[1]!} key={sweep[1]} />
  if (path === "/sweeps") return <Others kind="sweep" title="Sweeps" />
  if (path === "/laboratories") return <Others kind="laboratory" title="Laboratories" />
  if (path === "/clusterings") return <Others kind="clustering" title="Clusterings" />
  if (path === "/compare") return <Compare />
  return <Runs />
}

const keys = [["/", "filter the runs"], ["j, k", "next and previous run"], ["Enter", "open it"], ["x", "choose it for a comparison"], ["p", "pin it"], ["g", "go to the table of runs"], ["c", "compare the chosen runs"], ["?", "this list"]] as const

function App() {
  const store = useStore()
  const { path } = usePlace()
  const [look, setLook] = useState<Scheme>(scheme)
  const [help, setHelp] = useState(false)
  useEffect(() => {
    begin()
    void reload()
    document.addEventListener("click", follow)
    const key = (e: KeyboardEvent) => {
      if (e.target instanceof HTMLInputElement || e.target instanceof HTMLTextAreaElement || e.target instanceof HTMLSelectElement || e.metaKey || e.ctrlKey || e.altKey) return
      if (e.key === "?") setHelp(h => !h)
      else if (e.key === "Escape") setHelp(false)
      else if (e.key === "g") go("/")
      else if (e.key === "c") document.querySelector<HTMLAnchorElement>(".chosen a")?.click()
    }
    addEventListener("keydown", key)
    return () => removeEventListener("keydown", key)
  }, [])
  useEffect(() => {
    if (!path.startsWith("/run/")) document.title = path === "/compare" ? "Compare – Parallax" : "Runs – Parallax"
  }, [path])
  return <>
    <a class="skip" href="#page">To the page</a>
    <header class="top">
      <a class="brand" href="/">Parallax</a>
      <nav aria-label="Pages"><a href="/" aria-current={path === "/" || path === "/runs" ? "page" : undefined}>Runs</a> <a href="/compare" aria-current={path === "/compare" ? "page" : undefined}>Compare</a> <a href="/sweeps" aria-current={path.startsWith("/sweep") ? "page" : undefined}>Sweeps</a> <a href="/clusterings" aria-current={path.startsWith("/clustering") ? "page" : undefined}>Clusterings</a> <a href="/laboratories" aria-current={path.startsWith("/laborator") ? "page" : undefined}>Laboratories</a></nav>
      <span class={`live ${store.connected ? "on" : "off"}`} role="status">{store.connected ? "live" : "not connected"}</span>
      <label class="scheme"><span class="hidden">colours</span><select value={look} onChange={e => {
        const v = e.currentTarget.value as Scheme
        choose(v), setLook(v)
      }}><option value="system">system colours</option><option value="light">light</option><option value="dark">dark</option></select></label>
      <button type="button" class="quiet" aria-expanded={help} onClick={() => setHelp(!help)}>keys</button>
    </header>
    {help && <aside class="keys" aria-label="Keys"><dl>{keys.map(([k, what]) => <div key={k}><dt><kbd>{k}</kbd></dt><dd>{what}</dd></div>)}</dl></aside>}
    <div id="page" tabIndex={-1}><Page /></div>
  </>
}

show()
render(<App />, document.getElementById("app")!)
