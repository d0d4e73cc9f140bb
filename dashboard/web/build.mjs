// SPDX-License-Identifier: Apache-2.0
// Builds the page's script and style into ../site/static, with the licences of the libraries in them. The result
// depends only on the sources and package-lock.json; ../site/sources.sha256 names them, and a Go test compares it.
import { build } from "esbuild"
import { createHash } from "node:crypto"
import { readFileSync, readdirSync, writeFileSync } from "node:fs"

const site = "../site/static/"
const result = await build({
  entryPoints: ["src/main.tsx"], outfile: site + "app.js", bundle: true, minify: true, format: "esm", target: "es2022",
  jsx: "automatic", jsxImportSource: "preact", legalComments: "none", metafile: true,
})

// Each library with a file in the bundle.
const libraries = new Set(Object.keys(result.metafile.inputs).map(file => file.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]).filter(Boolean))
const licences = [...libraries].sort().map(name => {
  const folder = `node_modules/${name}/`
  const { version, license } = JSON.parse(readFileSync(folder + "package.json", "utf8"))
  const file = readdirSync(folder).find(f => /^(un)?licen[cs]e/i.test(f))
  if (!file) throw new Error(`${name} has no licence file`)
  return `--- ${name} ${version}: ${license}\n\n${readFileSync(folder + file, "utf8").trim()}\n`
})
writeFileSync(site + "licences.txt", "The libraries in app.js and app.css, with their licences.\n\n" + licences.join("\n"))

// The hash of every source: its name, a line feed, its bytes; in the order of the names.
const sources = ["build.mjs", "package-lock.json", "package.json", "tsconfig.json", ...readdirSync("src", { recursive: true, withFileTypes: true })
  .filter(f => f.isFile()).map(f => `${f.parentPath}/${f.name}`.replaceAll("\\", "/"))].sort()
const hash = createHash("sha256")
for (const name of sources) hash.update(name + "\n").update(readFileSync(name))
writeFileSync("../site/sources.sha256", hash.digest("hex") + "\n")
