// SPDX-License-Identifier: Apache-2.0
// What training sees: the images of a run, their views in any epoch, and the images that could not be read.
import { useEffect, useState } from "preact/hooks"
import { ask } from "../api"
import { grouped, plural, visible } from "../format"
import { set, usePlace } from "../place"

interface Listed { index: number; name: string; label: number }
interface Shelf { of: number; classes: string[] | null; images: Listed[]; recipe: string; views: number; epochs: number }
interface Replayed { view: number; w: number; h: number; drawn: { op: string; values: unknown }[] | null; png: string }
interface Bad { index: number; name: string; reason: string }

const page = 60

/** whole is a whole number of the query. */
function whole(text: string | null, usual: number): number {
  const n = Number(text ?? usual)
  return Number.isInteger(n) && n >= 0 ? n : usual
}

export function Images({ id }: { id: string }) {
  const { query } = usePlace()
  const from = whole(query.get("first"), 0), image = whole(query.get("image"), 0), epoch = whole(query.get("epoch"), 0)
  const [shelf, setShelf] = useState<Shelf>()
  const [error, setError] = useState("")
  useEffect(() => {
    const asked = new AbortController()
    ask<Shelf>(`/api/runs/${id}/images?from=${from}&count=${page}`, asked.signal).then(s => (setShelf(s), setError("")), e => asked.signal.aborted || setError(e.message))
    return () => asked.abort()
  }, [id, from])
  return <>
    {error && <p class="bad" role="alert">{visible(error)}</p>}
    {shelf && <>
      <Views id={id} image={image} epoch={epoch} shelf={shelf} />
      <section>
        <h2>Images <small>{grouped(shelf.of)} in the order of their names</small></h2>
        <nav class="pager" aria-label="Parts of the list">
          <button type="button" disabled={from === 0} onClick={() => set({ first: Math.max(0, from - page) || "" })}>previous</button>
          <span>{grouped(from + 1)} to {grouped(Math.min(shelf.of, from + page))}</span>
          <button type="button" disabled={from + page >= shelf.of} onClick={() => set({ first: from + page })}>next</button>
        </nav>
        <ul class="pictures">{shelf.images.map(i => <li key={i.index}>
          <button type="button" aria-pressed={i.index === image} title={visible(i.name)} onClick={() => set({ image: i.index || "" })}>
            <img src={`/api/runs/${id}/images/${i.index}?side=64`} alt={visible(i.name)} loading="lazy" width={64} height={64} />
          </button>
          <small>{grouped(i.index)}{i.label >= 0 && shelf.classes?.[i.label] !== undefined ? ` · ${visible(shelf.classes[i.label]!)}` : ""}</small>
        </li>)}</ul>
      </section>
    </>}
    <Quarantine id={id} />
  </>
}

function Views({ id, image, epoch, shelf }: { id: string; image: number; epoch: number; shelf: Shelf }) {
  const [recipe, setRecipe] = useState(shelf.recipe)
  const [edited, setEdited] = useState(false)
  const [views, setViews] = useState<Replayed[]>([])
  const [error, setError] = useState("")
  useEffect(() => {
    const asked = new AbortController()
    const timer = setTimeout(() => {
      const q = new URLSearchParams({ image: String(image), epoch: String(epoch) })
      if (edited && recipe !== shelf.recipe) q.set("recipe", recipe)
      ask<Replayed[]>(`/api/runs/${id}/views?${q}`, asked.signal).then(v => (setViews(v), setError("")), e => asked.signal.aborted || setError(e.message))
    }, edited ? 400 : 0)
    return () => {
      clearTimeout(timer)
      asked.abort()
    }
  }, [id, image, epoch, recipe, edited])
  const own = edited && recipe !== shelf.recipe
  return <section>
    <h2>Views of image {grouped(image)} in epoch {grouped(epoch + 1)}</h2>
    <p class="hint">{own ? "These are the views that the recipe below would make." : "These are the pixels that training sees, before they are normalised, and what was drawn for them."}</p>
    <div class="controls">
      <label>image <input type="number" min={0} max={shelf.of - 1} value={image} onChange={e => set({ image: e.currentTarget.value })} /></label>
      <label>epoch <input type="number" min={1} value={epoch + 1} onChange={e => set({ epoch: Math.max(0, Number(e.currentTarget.value) - 1) || "" })} /></label>
      <button type="button" aria-pressed={edited} onClick={() => setEdited(!edited)}>{edited ? "close the recipe" : "try another recipe"}</button>
      {own && <button type="button" class="quiet" onClick={() => setRecipe(shelf.recipe)}>as the run has it</button>}
    </div>
    {edited && <textarea class="recipe" aria-label="Recipe" rows={Math.min(24, recipe.split("\n").length + 1)} spellcheck={false} value={recipe} onInput={e => setRecipe(e.currentTarget.value)} />}
    {error && <p class="bad" role="alert">{visible(error)}</p>}
    <div class="views">
      <figure><img src={`/api/runs/${id}/images/${image}?side=192`} alt={`image ${image}`} /><figcaption>the image</figcaption></figure>
      {views.map(v => <figure key={v.view}>
        <img class="pixels" src={`data:image/png;base64,${v.png}`} alt={`view ${v.view + 1}`} />
        <figcaption>view {v.view + 1} <small>{v.w} × {v.h}</small></figcaption>
        <ol class="drawn">{(v.drawn ?? []).map((d, i) => <li key={i}><b>{visible(d.op)}</b> <code>{visible(brief(d.values))}</code></li>)}</ol>
      </figure>)}
    </div>
  </section>
}

/** Brief writes what was drawn on one line. */
function brief(values: unknown): string {
  if (values === null || typeof values !== "object") return String(values ?? "")
  return Object.entries(values as Record<string, unknown>).map(([k, v]) =>
    `${k} ${typeof v === "number" ? +v.toPrecision(4) : Array.isArray(v) && v.length > 8 ? `[${v.length} numbers]` : JSON.stringify(v)}`).join(", ")
}

function Quarantine({ id }: { id: string }) {
  const [all, setAll] = useState<Bad[]>()
  const [hidden, setHidden] = useState<Set<number>>(new Set())
  useEffect(() => {
    const asked = new AbortController()
    ask<Bad[]>(`/api/runs/${id}/quarantine`, asked.signal).then(setAll, () => {})
    return () => asked.abort()
  }, [id])
  if (!all) return null
  return <section>
    <h2>Quarantine</h2>
    {all.length === 0 ? <p class="hint">Every image could be read.</p> : <>
      <p class="hint">{plural(all.length, "image")} could not be read. Training took another image in place of each. A browser may show a part of a damaged file.</p>
      <ul class="quarantine">{all.map(b => <li key={b.index}>
        {hidden.has(b.index) ? <span class="none" aria-hidden="true" /> : <img src={`/api/runs/${id}/quarantine/${b.index}`} alt="" width={64} height={64} loading="lazy"
          onError={() => setHidden(h => new Set(h).add(b.index))} />}
        <span><code>{visible(b.name)}</code><br /><small>image {grouped(b.index)}: {visible(b.reason)}</small></span>
      </li>)}</ul>
    </>}
  </section>
}
