// SPDX-License-Identifier: Apache-2.0

package browsertest

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/parallax-ssl/parallax/run"
)

// row is a row of the table of runs, as the API has it.
type row struct {
	ID, Name, State, Method, Network, Class, Note string
	Step, Steps                                   int
	KNN, Std, Rank, Loss                          *float64
	Tags                                          []string
}

// table is what the API says there is.
type table struct {
	Runs   []row
	Others []struct{ ID, Kind, Name string }
	Write  bool
}

// find returns the run whose folder ends so.
func (a *table) find(t testing.TB, name string) row {
	t.Helper()
	for _, r := range a.Runs {
		if strings.HasSuffix(r.Name, "/"+name) {
			return r
		}
	}
	t.Fatalf("there is no run %s in %v", name, a.Runs)
	return row{}
}

// other returns the id of the only folder of a kind.
func (a *table) other(t *testing.T, kind string) string {
	t.Helper()
	for _, o := range a.Others {
		if o.Kind == kind {
			return o.ID
		}
	}
	t.Fatalf("there is no %s", kind)
	return ""
}

// A page is an address of the dashboard, and an expression that is true when all of it is drawn.
type page struct{ name, path, ready string }

// pages are those that readers see.
func pages(t *testing.T, a *table) []page {
	t.Helper()
	healthy, collapsed := a.find(t, "healthy").ID, a.find(t, "deep/collapsed").ID
	charts := `all(".chart canvas").length > 0 && all("[role=img]", "Loss").some(e => ` +
		`e.getAttribute("aria-label").includes(" at step "))`
	return []page{
		{"runs", "/", `all("[role=row]").length > 5`},
		{"a run's curves", "/run/" + healthy, charts},
		{"a run's collapse", "/run/" + collapsed + "?tab=collapse", `one("h2", "Spectrum") && ` + charts},
		{"a run's images", "/run/" + healthy + "?tab=images", `all("img[alt^='view ']").length === 2`},
		{"a run's embedding", "/run/" + healthy + "/embedding", `document.querySelector("[aria-label*='coloured ` +
			`by']")`},
		{"a run's settings", "/run/" + healthy + "?tab=settings&against=" + collapsed, `all("tr.differs").length > 3`},
		{"a comparison", "/compare?runs=" + healthy + "," + collapsed,
			charts + ` && one("h2", "Settings that differ")`},
		{"sweeps", "/sweeps", `one("main a", "/")`},
		{"a sweep", "/sweep/" + a.other(t, "sweep"), `one("h2", "at step 4") && all("main tbody tr").length > 2`},
		{"clusterings", "/clusterings", `one("main a", "/")`},
		{"a clustering", "/clustering/" + a.other(t, "clustering"), `all("main img").length > 8`},
		{"laboratories", "/laboratories", `one("main a", "/")`},
		{"a laboratory", "/laboratory/" + a.other(t, "laboratory"),
			`document.querySelector(".shadow")?.shadowRoot?.textContent.includes("SIM-01")`},
	}
}

// widths are those of a screen, a tablet and a phone, in pixels.
var widths = []int64{1440, 800, 390}

// TestPages opens every page in all widths and both schemes, clicks through them, and compares what they show with the
// data. The steps follow each other, as those of a reader do.
func TestPages(t *testing.T) {
	b := open(t) // first: without a browser the runs need not be made
	s := set(t)
	b.do(t, chromedp.EmulateViewport(1440, 900))
	b.visit(t, s.opening, `all("[role=row]").length > 5 && one("[role=status]", "live")`)
	if at := evaluate[string](t, b, "location.href"); at != s.url+"/" {
		t.Errorf("the address with the token became %s", at)
	}
	data := ask[table](t, s.url+"/api/runs")
	t.Run("looks", func(t *testing.T) { looks(t, s, b, &data) })
	for _, step := range []struct {
		name string
		do   func(t *testing.T, s *stage, b *browser, data *table)
	}{{"table", tableOfRuns}, {"keys", keys}, {"compare", compare}, {"run", oneRun}, {"zoom", zoom},
		{"settings", settings},
		{"notes", notes}, {"images", images}, {"clusters", clusters}, {"laboratory", laboratory}, {"links", links},
		{"live", live}} {
		t.Run(step.name, func(t *testing.T) {
			b.do(t, chromedp.EmulateViewport(1440, 900))
			step.do(t, s, b, &data)
		})
	}
	b.quiet(t, s.url)
}

// looks checks every page in all widths, light and dark: nothing is too wide, and axe finds no serious fault.
func looks(t *testing.T, s *stage, b *browser, data *table) {
	for _, p := range pages(t, data) {
		t.Run(p.name, func(t *testing.T) {
			for _, scheme := range []string{"light", "dark"} {
				b.scheme(t, scheme)
				for i, width := range widths {
					b.do(t, chromedp.EmulateViewport(width, 900))
					if scheme == "light" && i == 0 {
						b.visit(t, s.url+p.path, p.ready)
					}
					b.until(t, fmt.Sprintf("innerWidth === %d && (%s)", width, p.ready))
					if titles := evaluate[int](t, b, `all("h1").length`); titles != 1 {
						t.Errorf("%d headings of the first rank", titles)
					}
					if found := evaluate[[]string](t, b, wide); len(found) > 0 {
						t.Errorf("at %d pixels, %s: too wide: %q", width, scheme, found)
					}
					if scheme == "light" && i == 0 || scheme == "dark" && i == len(widths)-1 {
						for _, f := range b.faults(t) {
							t.Errorf("at %d pixels, %s: %s", width, scheme, f)
						}
					}
				}
			}
			b.scheme(t, "light")
		})
	}
}

// last returns the number of the last evaluation by the run's own probe.
func last(t *testing.T, dir, of, metric string) (v float64) {
	t.Helper()
	for _, e := range events(t, dir) {
		if e.Event == run.Eval && e.Of == of && e.Probe != run.GuardProbe && e.Metrics[metric].Known {
			v = e.Metrics[metric].Value
		}
	}
	return v
}

// The cells of the table are the numbers of the logs; the table is filtered and sorted.
func tableOfRuns(t *testing.T, s *stage, b *browser, data *table) {
	b.visit(t, s.url+"/", `all("[role=row]").length > 5`)
	cell := func(r row, label string) string {
		return evaluate[string](t, b, fmt.Sprintf(`text(document.querySelector("#row-%s [data-label='%s']"))`, r.ID,
			label))
	}
	for _, name := range []string{"healthy", "deep/collapsed", "deep/stopped", "growing"} {
		r, dir := data.find(t, name), s.dir(name)
		state := map[string]string{"healthy": "finished", "deep/collapsed": "collapsed", "deep/stopped": "stopped",
			"growing": "running"}[name]
		for label, want := range map[string]string{"state": state, "method": "simsiam",
			"kNN":   fmt.Sprintf("%.3f", last(t, dir, run.OfBackbone, run.KNN)),
			"std":   fmt.Sprintf("%.2f", last(t, dir, run.OfEmbedding, run.Std)),
			"rank":  fmt.Sprintf("%.1f", last(t, dir, run.OfEmbedding, run.EffectiveRank)),
			"steps": fmt.Sprint(stepsDone(t, dir))} {
			if got := cell(r, label); got != want && !(label == "state" && strings.HasPrefix(got, want)) {
				t.Errorf("%s: %s is shown as %q, the log has %s", name, label, got, want)
			}
		}
	}
	if got := cell(data.find(t, "deep/collapsed"), "diagnosis"); got != strings.ReplaceAll(data.find(t,
		"deep/collapsed").Class, "_", " ") || got == "" {
		t.Errorf("the diagnosis is shown as %q", got)
	}
	b.act(t, `enter(one("input", "Filter"), "state:collapsed -laboratory")`)
	b.until(t, `all("[role=row]").length === 2 && location.search.includes("filter=")`)
	b.act(t, `enter(one("input", "Filter"), "nothing has this")`)
	b.until(t, `all("[role=row]").length <= 1`)
	b.act(t, `enter(one("input", "Filter"), "")`)
	b.until(t, `all("[role=row]").length > 5`)
	for _, order := range []string{"descending", "ascending"} {
		b.act(t, `one("[role=columnheader] button", "std").click()`)
		b.until(t, `one("[role=columnheader]", "std").getAttribute("aria-sort") === "`+order+`"`)
		shown := evaluate[[]float64](t, b, `all("[role=row] [data-label=std]").map(e => parseFloat(text(e))).filter(v `+
			`=> !isNaN(v))`)
		sorted := slices.Clone(shown)
		if slices.Sort(sorted); order == "descending" {
			slices.Reverse(sorted)
		}
		if !slices.Equal(shown, sorted) || len(shown) < 4 {
			t.Errorf("%s: %v", order, shown)
		}
	}
	stopped := data.find(t, "deep/stopped")
	b.act(t, fmt.Sprintf(`document.querySelector("#row-%s button.pin").click()`, stopped.ID))
	b.until(t, fmt.Sprintf(`all("[role=row]")[1].id === "row-%s"`, stopped.ID))
	b.do(t, chromedp.Reload())
	b.until(t, fmt.Sprintf(`all("[role=row]")[1]?.id === "row-%s"`, stopped.ID)) // it stays pinned
	b.act(t, fmt.Sprintf(`document.querySelector("#row-%s button.pin").click()`, stopped.ID))
}

// The keys of the list do what it says.
func keys(t *testing.T, s *stage, b *browser, _ *table) {
	b.visit(t, s.url+"/", `all("[role=row]").length > 5`)
	b.do(t, chromedp.KeyEvent("?"))
	b.until(t, `all("kbd").length > 5`)
	b.do(t, chromedp.KeyEvent("?"))
	b.until(t, `all("kbd").length === 0`)
	b.do(t, chromedp.KeyEvent("/"))
	b.until(t, `document.activeElement === one("input", "Filter")`)
	// unlike a keyboard, the browser's protocol types the key of a shortcut, too
	b.act(t, `enter(document.activeElement, "")`)
	b.do(t, chromedp.KeyEvent("simsiam"))
	b.until(t, `location.search.includes("filter=simsiam")`)
	b.act(t, `enter(document.activeElement, ""), document.activeElement.blur()`)
	for i, key := range []string{"j", "j"} {
		b.do(t, chromedp.KeyEvent(key))
		b.until(t, fmt.Sprintf(`all("[role=row]")[%d].classList.contains("at")`, i+1))
		b.do(t, chromedp.KeyEvent("x"))
		b.until(t, fmt.Sprintf(`all("[role=row].at input:checked").length === 1 && one("a", "Compare %d")`, i+1))
	}
	b.do(t, chromedp.KeyEvent("k"))
	b.until(t, `all("[role=row]")[1].classList.contains("at")`)
	b.do(t, chromedp.KeyEvent("c"))
	b.until(t, `location.pathname === "/compare" && all("main table.stack tbody tr").length === 2`)
	b.do(t, chromedp.KeyEvent("g"))
	b.until(t, `location.pathname === "/" && all("[role=row]").length > 5`)
	b.do(t, chromedp.KeyEvent("j"))
	b.until(t, `all("[role=row]")[1].classList.contains("at")`)
	b.do(t, chromedp.KeyEvent("\r"))
	b.until(t, `location.pathname.startsWith("/run/")`)
}

// Runs are chosen, compared and left out.
func compare(t *testing.T, s *stage, b *browser, data *table) {
	healthy, collapsed := data.find(t, "healthy"), data.find(t, "deep/collapsed")
	b.visit(t, s.url+"/", `all("[role=row]").length > 5`)
	for _, r := range []row{healthy, collapsed} {
		b.act(t, fmt.Sprintf(`document.querySelector("#row-%s input[type=checkbox]").click()`, r.ID))
	}
	b.until(t, `one("a", "Compare 2")`)
	b.act(t, `one("a", "Compare 2").click()`)
	b.until(t, `all("table.stack tbody tr").length === 2 && all("[role=img]", "Loss").length > 0`)
	for _, r := range []row{healthy, collapsed} {
		shown := evaluate[[]string](t, b,
			fmt.Sprintf(`[...one("a[href='/run/%s']").closest("tr").querySelectorAll("td")].map(text)`, r.ID))
		for _, want := range []string{fmt.Sprintf("%.3f", *r.KNN), fmt.Sprintf("%.2f", *r.Std),
			fmt.Sprintf("%.1f", *r.Rank), fmt.Sprint(r.Step)} {
			if !slices.Contains(shown, want) {
				t.Errorf("%s: %q is without %s", r.Name, shown, want)
			}
		}
	}
	differ := evaluate[[]string](t, b, `[...one("h2", "Settings that differ").parentElement.querySelectorAll("tbody `+
		`tr")].map(text)`)
	has := func(begins, ends string) bool {
		return slices.ContainsFunc(differ, func(s string) bool {
			return strings.HasPrefix(s, begins) &&
				strings.Contains(s, ends)
		})
	}
	if !has("method.stop_gradient", "truefalse") || !has("optim.base_rate", "0.5") || has("backbone.name", "") {
		t.Errorf("settings that differ: %q", differ)
	}
	b.act(t, `one("button", "leave out").click()`)
	b.until(t, `all("table.stack tbody tr").length === 1`)
	b.do(t, chromedp.NavigateBack())
	b.until(t, `location.pathname === "/"`)
}

// chart is the expression of the first chart whose title begins so.
func chart(title string) string {
	return fmt.Sprintf(`all("figure.chart").find(f => text(f.querySelector(".title")).startsWith(%q))`, title)
}

// The curves of a run have the values of its log.
func oneRun(t *testing.T, s *stage, b *browser, data *table) {
	healthy := data.find(t, "healthy")
	b.visit(t, s.url+"/", `all("[role=row]").length > 5`)
	b.act(t, fmt.Sprintf(`document.querySelector("#row-%s a").click()`, healthy.ID))
	b.until(t, chart("Loss")+`?.querySelector("canvas")`)
	compareChart(t, b, "Loss", healthy.Name, func(e run.Event) (float64, bool) {
		v, has := e.Metrics[run.Loss]
		return v.Value, has && e.Event == run.StepEnd
	})
	compareChart(t, b, "kNN accuracy", healthy.Name, func(e run.Event) (float64, bool) {
		v, has := e.Metrics[run.KNN]
		return v.Value, has && e.Event == run.Eval && e.Of == run.OfBackbone && e.Probe != run.GuardProbe
	})
	b.act(t, `enter(one("label", "x").querySelector("select"), "time")`)
	b.until(t, `location.search.includes("x=time")`)
	b.act(t, `one("label", "logarithmic").querySelector("input").click()`)
	b.until(t, `location.search.includes("log=1")`)
	b.act(t, `enter(one("label", "smooth").querySelector("input"), "0.9")`)
	b.until(t, `location.search.includes("smooth=0.9")`)
	here := evaluate[string](t, b, "location.href")
	b.do(t, chromedp.Reload())
	b.until(t, chart("Loss")+`?.querySelector("canvas")`)
	state := evaluate[[]any](t, b, `[location.href, one("label", "x").querySelector("select").value, one("label", `+
		`"logarithmic").querySelector("input").checked, one("label", "smooth").querySelector("input").value]`)
	if fmt.Sprint(state) != fmt.Sprint([]any{here, "time", true, "0.9"}) {
		t.Errorf("after a reload: %v", state)
	}
	b.act(t, `one(".tabs a", "Collapse").click()`)
	b.until(t, `one("h2", "Spectrum")`)
	b.do(t, chromedp.NavigateBack())
	b.until(t, `!location.search.includes("tab=") && `+chart("Loss"))
}

// compareChart compares the table of a chart with what the log of a run has.
func compareChart(t *testing.T, b *browser, title, dir string, of func(e run.Event) (float64, bool)) {
	t.Helper()
	var want [][2]float64
	for _, e := range events(t, dir) {
		if v, has := of(e); has {
			want = append(want, [2]float64{float64(e.Step), v})
		}
	}
	want = want[max(0, len(want)-50):]
	b.act(t, `[...`+chart(title)+`.querySelectorAll("button")].find(e => text(e) === "table").click()`)
	b.until(t, chart(title)+`.querySelectorAll("tbody tr").length > 0`)
	shown := evaluate[[][2]float64](t, b, `[...`+chart(title)+`.querySelector("tbody").querySelectorAll("tr")].map(r `+
		`=> [r.cells[0], r.cells[r.cells.length - 1]].map(c => Number(text(c).replaceAll(",", ""))))`)
	if len(shown) != len(want) || len(want) < 3 {
		t.Errorf("%s: %d values are shown, the log has %d", title, len(shown), len(want))
	}
	for i := range min(len(shown), len(want)) {
		if shown[i][0] != want[i][0] || math.Abs(shown[i][1]-want[i][1]) > 6e-4*max(0.1, math.Abs(want[i][1])) {
			t.Errorf("%s: %v is shown, the log has %v", title, shown[i], want[i])
			break
		}
	}
	b.act(t, `[...`+chart(title)+`.querySelectorAll("button")].find(e => text(e) === "table").click()`)
	b.until(t, chart(title)+`.querySelector("canvas")`)
}

// A part of a curve is chosen with the mouse, is in the address, and is left.
func zoom(t *testing.T, s *stage, b *browser, data *table) {
	b.visit(t, s.url+"/run/"+data.find(t, "healthy").ID, chart("Loss")+`?.querySelector(".u-over")`)
	b.act(t, chart("Loss")+`.scrollIntoView({ block: "center" })`)
	box := evaluate[[4]float64](t, b,
		`(r => [r.x, r.y, r.width, r.height])(`+chart("Loss")+`.querySelector(".u-over").getBoundingClientRect())`)
	x, y := box[0]+0.3*box[2], box[1]+0.5*box[3]
	b.do(t, chromedp.DragAndDropXY(x, y, box[0]+0.7*box[2], y, 5))
	b.until(t, `/from=\d+/.test(location.search) && /to=\d+/.test(location.search)`)
	at, err := url.Parse(evaluate[string](t, b, "location.href"))
	if err != nil {
		t.Fatal(err)
	}
	var from, to float64
	_, _ = fmt.Sscan(at.Query().Get("from"), &from)
	_, _ = fmt.Sscan(at.Query().Get("to"), &to)
	if math.Abs(from-9.7) > 3 || math.Abs(to-21.3) > 3 { // of steps 1 to 30
		t.Errorf("the part is from %g to %g", from, to)
	}
	b.until(t, `one("button", "steps ")`)
	b.do(t, chromedp.Reload())
	b.until(t, `one("button", "steps ")`)
	b.act(t, `one("button", "steps ").click()`)
	b.until(t, `!location.search.includes("from=")`)
}

// The settings are those of the config, and those that differ from another run's are found.
func settings(t *testing.T, s *stage, b *browser, data *table) {
	healthy, collapsed := data.find(t, "healthy"), data.find(t, "deep/collapsed")
	type entry struct{ Path, Value, Source, Other string }
	b.visit(t, s.url+"/run/"+healthy.ID+"?tab=settings", `all("table.settings tbody tr").length > 50`)
	all := ask[[]entry](t, s.url+"/api/runs/"+healthy.ID+"/config")
	if n := evaluate[int](t, b, `all("table.settings tbody tr").length`); n != len(all) {
		t.Errorf("%d settings are shown of %d", n, len(all))
	}
	b.until(t, fmt.Sprintf(`document.querySelector("option[value='%s']")`, collapsed.ID))
	b.act(t, fmt.Sprintf(`enter(one("label", "compare with").querySelector("select"), %q)`, collapsed.ID))
	b.until(t, `all("tr.differs").length > 0`)
	b.act(t, `one("label", "differences").querySelector("input").click()`)
	b.until(t, `all("table.settings tbody tr").length === all("tr.differs").length`)
	shown := evaluate[[][3]string](t, b, `all("table.settings tbody tr").map(r => [...r.cells].slice(0, 3).map(text))`)
	var want [][3]string
	for _, e := range ask[[]entry](t, s.url+"/api/runs/"+healthy.ID+"/config?against="+collapsed.ID) {
		if e.Other != "" {
			want = append(want, [3]string{e.Path, e.Value, e.Other})
		}
	}
	if !slices.Equal(shown, want) {
		t.Errorf("the page has %v, the API %v", shown, want)
	}
	b.act(t, `enter(one("label", "find").querySelector("input"), "stop_gradient")`)
	b.until(t, `all("table.settings tbody tr", "method.stop_gradient").length === 1`)
}

// A note is written on the page, is in the run's folder, and in the table.
func notes(t *testing.T, s *stage, b *browser, data *table) {
	stopped := data.find(t, "deep/stopped")
	const note, tag = "a <b>note</b> & \"more\"\nof it", "<i>tag</i>"
	b.visit(t, s.url+"/run/"+stopped.ID, `one("button", "add a note")`)
	b.act(t, `one("button", "add a note").click()`)
	b.until(t, `one("form.notes textarea")`)
	text, err := json.Marshal(note)
	if err != nil {
		t.Fatal(err)
	}
	b.act(t, fmt.Sprintf(`enter(one("form.notes textarea"), %s), enter(one("form.notes input"), %q)`, text,
		tag+", old"))
	b.act(t, `one("form.notes button", "Keep").click()`)
	b.until(t, fmt.Sprintf(`one(".tag", %q) && one(".notes .text", "a <b>note</b>")`, tag))
	var kept struct {
		Tags []string
		Note string
	}
	written, err := os.ReadFile(filepath.Join(stopped.Name, "notes.json"))
	if err != nil || json.Unmarshal(written, &kept) != nil || kept.Note != note ||
		!slices.Equal(kept.Tags, []string{tag, "old"}) {
		t.Errorf("%s, %v", written, err)
	}
	b.visit(t, s.url+"/?filter=tag%3Aold", fmt.Sprintf(`all("[role=row]").length === 2 && one("#row-%s .tag", %q)`,
		stopped.ID, tag))
	if n := evaluate[int](t, b, `all("main i, main .note b").length`); n > 0 {
		t.Error("a tag or a note became a part of the page")
	}
}

// The views on the page are those of the API, for another image and epoch, too.
func images(t *testing.T, s *stage, b *browser, data *table) {
	id := data.find(t, "healthy").ID
	b.visit(t, s.url+"/run/"+id+"?tab=images", `all("img[alt^='view ']").length === 2 && all(".pictures img").length `+
		`=== 60`)
	b.act(t, `all(".pictures button")[5].click()`)
	b.until(t, `location.search.includes("image=5")`)
	b.act(t, `enter(one("label", "epoch").querySelector("input"), "2")`)
	b.until(t, `one("h2", "Views of image 5 in epoch 2")`)
	type view struct {
		W, H  int
		PNG   string
		Drawn []struct{ Op string }
	}
	all := ask[[]view](t, s.url+"/api/runs/"+id+"/views?image=5&epoch=1")
	for i, v := range all {
		b.until(t, fmt.Sprintf(`one("img[alt='view %d']").src === "data:image/png;base64,%s"`, i+1, v.PNG))
		shown := evaluate[[]string](t, b, fmt.Sprintf(`[...one("img[alt='view `+
			`%d']").closest("figure").querySelectorAll("li b")].map(text)`, i+1))
		for k, op := range v.Drawn {
			if k >= len(shown) || shown[k] != op.Op {
				t.Errorf("view %d: %q is shown, %v was drawn", i+1, shown, v.Drawn)
				break
			}
		}
	}
	if bad := evaluate[int](t, b, `all("main img").filter(i => i.complete && i.naturalWidth === 0).length`); bad > 0 {
		t.Errorf("%d pictures are not drawn", bad)
	}
	b.act(t, `one("button", "try another recipe").click()`)
	b.until(t, `one("textarea")`)
	b.act(t, `enter(one("textarea"), "augment:\n  - - center_crop: {size: 16}\n")`)
	b.until(t, `all("img[alt^='view ']").length === 1 && one("img[alt='view 1']").naturalWidth === 16`)
}

// Clusters have the sizes of the CSV; a name is typed, and another one dragged.
func clusters(t *testing.T, s *stage, b *browser, data *table) {
	b.visit(t, s.url+"/clustering/"+data.other(t, "clustering"),
		`all(".groups > li").length > 1 && all("main img").length > 8`)
	text, err := os.ReadFile(s.dir("clusters/clusters.csv"))
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		fields := strings.Split(line, ",")
		sizes[fields[len(fields)-2]]++
	}
	var want, shown []int
	for _, n := range sizes {
		want = append(want, n)
	}
	slices.Sort(want)
	for _, n := range evaluate[[]int](t, b, `all(".groups > li header span").map(e => parseInt(text(e).replaceAll(",`+
		`", "")))`) {
		if n > 0 {
			shown = append(shown, n)
		}
	}
	if slices.Sort(shown); !slices.Equal(shown, want) {
		t.Errorf("sizes %v are shown, the CSV has %v", shown, want)
	}
	first := evaluate[string](t, b, `one("input", "name of cluster").getAttribute("aria-label").split(" ").pop()`)
	b.act(t, `enter(one("input", "name of cluster"), "<b>round</b>")`)
	b.until(t, `one(".groups b", "<b>round</b>")`)
	names := func() map[string]string {
		var kept struct{ Names map[string]string }
		written, err := os.ReadFile(s.dir("clusters/notes.json"))
		if err == nil {
			err = json.Unmarshal(written, &kept)
		}
		if err != nil {
			t.Fatal(err)
		}
		return kept.Names
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(s.dir("clusters/notes.json")); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("the name is not kept")
		}
	}
	if n := names(); n[first] != "<b>round</b>" || len(n) != 1 {
		t.Errorf("%v", n)
	}
	b.act(t, `all(".stock .tag")[0].id = "dragged", all(".groups > li")[1].id = "target", `+
		`one("#dragged").scrollIntoView({ block: "start" })`)
	stock := evaluate[string](t, b, `text(one("#dragged"))`)
	b.do(t, chromedp.DragAndDrop("#dragged", "#target header"))
	b.until(t, fmt.Sprintf(`one("#target b", %q)`, stock))
	b.until(t, `one("main a", "CSV")`)
	b.act(t, `all(".groups > li button")[0].click()`)
	b.until(t, `location.search.includes("cluster=") && all(".groups > li.open img").length > 12`)
}

// A laboratory has its claims and its report.
func laboratory(t *testing.T, s *stage, b *browser, data *table) {
	b.visit(t, s.url+"/laboratories", `one("main a", "/")`)
	b.act(t, `one("main a", "/").click()`)
	b.until(t, `document.querySelector(".shadow")?.shadowRoot?.querySelectorAll("table, svg").length > 0`)
	if n := evaluate[int](t, b, `document.querySelector(".shadow").shadowRoot.querySelectorAll("script, iframe, `+
		`object").length`); n > 0 {
		t.Errorf("the report has %d parts that run", n)
	}
	b.until(t, `document.querySelector(".shadow").shadowRoot.styleSheets.length === 1`)
}

// Every address can be opened again; one that leads nowhere says so.
func links(t *testing.T, s *stage, b *browser, _ *table) {
	b.visit(t, s.url+"/run/000000000000", `one("[role=alert]", "there is no run")`)
	b.lock.Lock()
	b.complaints = slices.DeleteFunc(b.complaints, func(c string) bool { return strings.Contains(c, "404") })
	b.lock.Unlock()
	b.act(t, `one("a", "All runs").click()`)
	b.until(t, `location.pathname === "/" && all("[role=row]").length > 5`)
}

// A run that goes on is followed: the table and its page change without a reload.
func live(t *testing.T, s *stage, b *browser, data *table) {
	growing := data.find(t, "growing")
	b.visit(t, s.url+"/run/"+growing.ID, chart("Loss")+`?.querySelector("canvas")`)
	last := `all("[role=img]", "Loss").map(e => Number(/at step ([\d,` +
		`]+)/.exec(e.getAttribute("aria-label"))?.[1].replaceAll(",", "")))[0]`
	b.until(t, last)
	before := evaluate[int](t, b, last)
	s.growing.signal(t, syscall.SIGCONT)
	b.until(t, fmt.Sprintf("%s > %d", last, before+2))
	b.act(t, `one("a", "Runs").click()`)
	steps := fmt.Sprintf(`Number(text(document.querySelector("#row-%s [data-label=steps]")).replaceAll(",", ""))`,
		growing.ID)
	b.until(t, steps)
	before = evaluate[int](t, b, steps)
	b.until(t, fmt.Sprintf("%s > %d", steps, before))
	s.growing.signal(t, syscall.SIGSTOP)
}
