// SPDX-License-Identifier: Apache-2.0
// A laboratory: its verdicts, and its report with the atlas, the curves and the claims side by side.
import { useEffect, useRef, useState } from "preact/hooks"
import { ask } from "../api"
import { plural, visible } from "../format"
import { set, usePlace } from "../place"
import { scheme, useScheme } from "../theme"

interface Lab {
  id: string
  name: string
  claims: { id: string; question: string; verdict: string; preliminary: boolean }[]
  runs: number
  finished: number
  html: string
}

export function Laboratory({ id }: { id: string }) {
  const [lab, setLab] = useState<Lab>()
  const [error, setError] = useState("")
  const place = useRef<HTMLDivElement>(null)
  const { query } = usePlace()
  const at = query.get("at") ?? ""
  const dark = useScheme()
  useEffect(() => {
    const asked = new AbortController()
    ask<Lab>(`/api/laboratories/${id}`, asked.signal).then(l => {
      setLab(l)
      document.title = `${l.name} – Parallax`
    }, e => asked.signal.aborted || setError(e.message))
    return () => asked.abort()
  }, [id])
  // The report has a style of its own, so it lives in a tree of its own.
  useEffect(() => {
    const host = place.current
    if (!host || !lab) return
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" })
    const style = document.createElement("link")
    style.rel = "stylesheet"
    style.href = "/laboratory.css"
    const body = document.createElement("div")
    body.className = "report"
    body.innerHTML = lab.html
    root.replaceChildren(style, body)
    body.addEventListener("click", e => {
      const a = (e.target as Element).closest("a")
      const to = a?.getAttribute("href")
      if (!to?.startsWith("#")) return
      e.preventDefault()
      set({ at: to.slice(1) }, false)
    })
  }, [lab])
  useEffect(() => {
    if (at && lab) setTimeout(() => place.current?.shadowRoot?.getElementById(at)?.scrollIntoView(), 60)
  }, [at, lab])
  if (!lab) return <main><h1>Laboratory</h1>{error ? <p class="bad" role="alert">{visible(error)}</p> : <p>reading …</p>}</main>
  return <main class="laboratory">
    <header class="bar"><h1>{visible(lab.name)}</h1><span class="count">{plural(lab.claims.length, "claim")}, {lab.finished} of {plural(lab.runs, "run")} that have begun are done</span></header>
    <div ref={place} class="shadow" data-scheme={scheme()} data-dark={String(dark)} />
  </main>
}
