// SPDX-License-Identifier: Apache-2.0
// Where the page is: the path and the query, which hold everything that a link to it needs.
import { useEffect, useState } from "preact/hooks"

export interface Place { path: string; query: URLSearchParams }

function here(): Place { return { path: location.pathname, query: new URLSearchParams(location.search) } }

const moved = new Set<() => void>()
addEventListener("popstate", () => moved.forEach(f => f()))

/** go opens another page, or the same one in another state. */
export function go(to: string, replace = false): void {
  if (to === location.pathname + location.search) return
  history[replace ? "replaceState" : "pushState"](null, "", to)
  moved.forEach(f => f())
}

/** usePlace is the present place. */
export function usePlace(): Place {
  const [place, set] = useState(here)
  useEffect(() => {
    const f = () => set(here())
    moved.add(f)
    return () => void moved.delete(f)
  }, [])
  return place
}

/** link is the address of a path with a query; what is empty is left out. */
export function link(path: string, query: Record<string, string | number | boolean | undefined> = {}): string {
  const q = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== "" && value !== false) q.set(name, String(value))
  const text = q.toString()
  return text ? `${path}?${text}` : path
}

/** set changes values of the query of the present page. A value that is undefined or empty goes. */
export function set(values: Record<string, string | number | undefined>, replace = true): void {
  const q = new URLSearchParams(location.search)
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === "") q.delete(name)
    else q.set(name, String(value))
  }
  const text = q.toString()
  go(location.pathname + (text ? "?" + text : ""), replace)
}

/** follow makes a click on a link of the page stay in the page. */
export function follow(e: MouseEvent): void {
  const a = (e.target as Element | null)?.closest?.("a")
  if (!a || e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return
  if (a.target || a.hasAttribute("download") || a.origin !== location.origin || a.pathname.startsWith("/api/")) return
  e.preventDefault()
  go(a.pathname + a.search)
  if (!a.hash) scrollTo(0, 0)
}
