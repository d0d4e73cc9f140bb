// SPDX-License-Identifier: Apache-2.0
// Colours that canvases need. The style sheet defines them, for light and dark.
import { useEffect, useState } from "preact/hooks"

export interface Ink { series: string[]; dim: string; line: string; bad: string; link: string; ink: string; bg: string; panel: string }

/** palette reads the present colours from the style sheet. */
export function palette(): Ink {
  const style = getComputedStyle(document.documentElement)
  const get = (name: string) => style.getPropertyValue(name).trim()
  return {
    series: [0, 1, 2, 3, 4, 5, 6, 7].map(i => get(`--s${i}`)),
    dim: get("--dim"), line: get("--line"), bad: get("--bad"), link: get("--link"), ink: get("--ink"), bg: get("--bg"), panel: get("--panel"),
  }
}

const dark = matchMedia("(prefers-color-scheme: dark)")

export type Scheme = "system" | "light" | "dark"

/** scheme is what the reader has chosen. */
export function scheme(): Scheme {
  const v = localStorage.getItem("scheme")
  return v === "light" || v === "dark" ? v : "system"
}

const changed = new Set<() => void>()
dark.addEventListener("change", () => changed.forEach(f => f()))

/** choose keeps the reader's choice and shows it. */
export function choose(v: Scheme): void {
  if (v === "system") localStorage.removeItem("scheme")
  else localStorage.setItem("scheme", v)
  show()
}

/** show puts the choice where the style sheet sees it. */
export function show(): void {
  const v = scheme()
  if (v === "system") delete document.documentElement.dataset.scheme
  else document.documentElement.dataset.scheme = v
  changed.forEach(f => f())
}

/** useScheme is true in the dark; what uses it is drawn anew on a change. */
export function useScheme(): boolean {
  const now = () => scheme() === "dark" || (scheme() === "system" && dark.matches)
  const [is, set] = useState(now)
  useEffect(() => {
    const f = () => set(now())
    changed.add(f)
    return () => void changed.delete(f)
  }, [])
  return is
}
