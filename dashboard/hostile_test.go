// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/run"
)

// hostile returns more than 200 texts that somebody might choose as a name to do harm.
func hostile() []string {
	all := []string{
		"", " ", "\x00", "a\x00b", ".", "..", "../..", "../../etc/passwd", `..\..\windows`, "/etc/passwd", "C:\\x",
		"con", "nul.txt",
		"aux", "com1", "lpt9.png", "a:b", "a|b", "a?b*c", "trailing.", "trailing ", "~", "~root", "-rf", "--help",
		"$(id)", "`id`",
		"${HOME}", "%00", "%2e%2e%2f", "%s%n%d", "a\nb", "a\r\nSet-Cookie: x=y", "a\tb", "\x1b[31mred",
		"\x1b]0;title\x07", "\x7f",
		"\u202egnp.exe", "\u2066x\u2069", "\u200f\u200e", "\u200b", "\ufeff", "\u2028\u2029", "\ufffd", "\U000e0041",
		"caf\xe9",
		"\xff\xfe", "\xc0\xae\xc0\xae/", "\xed\xa0\x80", "\xf4\x90\x80\x80", "é", "e\u0301", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍", "猫",
		"قطة", "חתול", "🐈", "👩‍👩‍👧‍👦", "🏴‍☠️",
		"null", "undefined", "NaN", "true", "0", "-1", "1e999", "constructor", "__proto__", "toString",
		"hasOwnProperty",
		"=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1+1)", "\t=1+1", "\r=1", `=HYPERLINK("http://evil.example","x")`,
		`"`, `'`, "`", `\`, `"'><`, "';DROP TABLE runs;--", "]]>", "<!--", "-->", "&lt;", "&#x3c;", "&amp;&",
		"{{.}}", "${7*7}", "<%= 1 %>",
		`{"a":1}`, `"],"x":["`, `","error":"`, "data: x\n\nevent: rows\ndata: {}\n\n", "id: 1\nretry: 1\n",
		`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`,
		"data:text/html,<script>alert(1)</script>",
		"javascript:alert(1)", "vbscript:x", "//evil.example/x.js", "http://evil.example/", "file:///etc/passwd",
		strings.Repeat("a", 10_000), strings.Repeat("🐈", 2500), strings.Repeat("../", 3333),
		strings.Repeat("<b>", 3000),
		strings.Repeat("\u0301", 3000), strings.Repeat("[", 10_000), strings.Repeat(`{"a":`, 2000),
	}
	for _, tag := range []string{"script", "img src=x", "svg", "iframe", "body", "details open",
		"video", "object", "embed", "link",
		"style", "base", "form", "input autofocus", "marquee", "math", "template", "a href=javascript:x"} {
		all = append(all, "<"+tag+">alert(1)</"+strings.Fields(tag)[0]+">", "<"+tag+" onload=alert(1)>",
			`"><`+tag+` onerror=alert(1)>`, strings.ToUpper("<"+tag+">"),
			"</"+strings.Fields(tag)[0]+"><script>alert(1)</script>")
	}
	for c := range rune(0x20) {
		all = append(all, "c"+string(c)+"c")
	}
	return all
}

// fileNames returns the hostile texts that a file system takes as the name of one file.
func fileNames(t *testing.T) (all []string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range hostile() {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
			continue
		}
		if len(name) > 200 {
			name = name[:200]
		}
		if os.WriteFile(filepath.Join(dir, name), nil, 0o666) == nil && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// shownAs is what JSON makes of a text: bytes that are no UTF-8 are replaced.
func shownAs(t testing.TB, s string) string {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var shown string
	if err := json.Unmarshal(text, &shown); err != nil {
		t.Fatal(err)
	}
	return shown
}

// harmlessJSON fails the test unless an answer is one JSON value that a browser cannot take for anything else: in its
// text there is no character that begins a tag.
func harmlessJSON(t *testing.T, what string, a answerOf) {
	t.Helper()
	if kind := a.header.Get("Content-Type"); kind != "application/json" ||
		a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: the answer is %q", what, kind)
	}
	if !json.Valid(a.text) || !utf8.Valid(a.text) || strings.ContainsAny(string(a.text), "<>\x00\u2028") {
		t.Errorf("%s: the answer is %.300q", what, a.text)
	}
	for name, values := range a.header {
		if strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00<") {
			t.Errorf("%s: header %q: %q", what, name, values)
		}
	}
}

// Folders, files, notes, tags, events and settings with hostile names are shown as they are, in JSON.
func TestHostileRuns(t *testing.T) {
	names, texts := fileNames(t), hostile()
	if len(texts) < 200 || len(names) < 150 {
		t.Fatalf("%d texts, %d names of files", len(texts), len(names))
	}
	top := t.TempDir()
	for i, name := range names {
		text := texts[i%len(texts)]
		writeRun(t, filepath.Join(top, name), fmt.Sprintf("method:\n  name: %s\ndata:\n  path: %s\n", quotedYAML(text),
			quotedYAML(text)))
	}
	// One run has all of them in its events, its quarantine and its notes.
	dir := filepath.Join(top, "events of all")
	var events []run.Event
	bad := ""
	for i, text := range texts {
		events = append(events,
			run.Event{Event: run.Alarm, Step: i, Name: text, Message: text, Class: text, Term: text},
			run.Event{Event: run.Saved, Step: i, File: text}, run.Event{Event: run.End, Step: i, Reason: text,
				Message: text},
			run.Event{Event: text, Step: i},
			run.Event{Event: run.Eval, Step: i, Probe: text, Of: text, Metrics: map[string]run.Number{text: run.Num(1),
				run.KNN: run.Num(1)}},
			run.Event{Event: run.StepEnd, Step: i, Metrics: map[string]run.Number{run.Loss: run.Num(1)},
				Terms: map[string]run.Number{text: run.Num(2)}, Gradients: map[string]run.Number{text: run.Num(2)}})
		one, err := json.Marshal(map[string]any{"index": i, "name": text, "reason": text})
		if err != nil {
			t.Fatal(err)
		}
		bad += string(one) + "\n"
	}
	writeRun(t, dir, settings, events...)
	write(t, filepath.Join(dir, run.QuarantineFile), bad)
	w := local(t, top)
	var all table
	for all.Runs == nil || all.Pending > 0 {
		a := w.ask(t, "GET", "/api/runs", "")
		harmlessJSON(t, "the table", a)
		all = decoded[table](t, a)
	}
	shown := map[string]*row{}
	for _, r := range all.Runs {
		shown[r.Name] = r
	}
	if len(all.Runs) != len(names)+1 {
		t.Errorf("%d runs of %d: %s", len(all.Runs), len(names)+1, all.Partial)
	}
	for i, name := range names {
		r := shown[shownAs(t, filepath.Join(top, name))]
		if r == nil {
			t.Errorf("the run %q is not shown", name)
			continue
		}
		if text := texts[i%len(texts)]; r.Error == "" && utf8.ValidString(text) && r.Method != text {
			t.Errorf("the method %.50q of %q is %.50q", text, name, r.Method)
		}
		harmlessJSON(t, name, w.ask(t, "GET", "/api/runs/"+r.ID, ""))
	}
	p := "/api/runs/" + idAt(t, dir)
	a := w.ask(t, "GET", p, "")
	harmlessJSON(t, "the run", a)
	tags := decoded[story](t, a).Progress.Tags
	if len(tags) < 200 {
		t.Errorf("%d curves", len(tags))
	}
	for i, tag := range append(texts, tags...) {
		q := url.Values{"tag": {tag}}.Encode()
		if len(q) > 8000 || i > len(texts) && i%7 > 0 { // a longer address is refused; the parts of tags are the texts
			continue
		}
		harmlessJSON(t, "the curve "+tag, w.ask(t, "GET", p+"/curves?"+q, ""))
		if i%5 > 0 {
			continue
		}
		a := w.ask(t, "GET", p+"/curve.csv?"+q, "")
		if a.status == http.StatusNotFound {
			harmlessJSON(t, "no curve "+tag, a)
			continue
		}
		if kind := a.header.Get("Content-Type"); a.status != http.StatusOK || kind != "text/csv; charset=utf-8" {
			t.Errorf("the CSV of %q: status %d, %q", tag, a.status, kind)
		}
		file := strings.TrimSuffix(strings.TrimPrefix(a.header.Get("Content-Disposition"), `attachment; filename="`),
			`.csv"`)
		if strings.Trim(file, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" ||
			len(file) > 100 {
			t.Errorf("the file of %q is %q", tag, file)
		}
	}
	harmlessJSON(t, "the quarantine", w.ask(t, "GET", p+"/quarantine", ""))
	for i, text := range texts {
		q := url.QueryEscape(text)
		all := []string{"/spectra?probe=" + q + "&of=" + q, "/config?against=" + q, "/images?from=" + q,
			"/images/" + url.PathEscape(text),
			"/images/0?side=" + q, "/views?image=" + q, "/views?recipe=" + q, "/quarantine/" + url.PathEscape(text),
			"/curves?tag=loss&from=" + q}
		for _, rest := range []string{all[i%9], all[(i+4)%9]} {
			if len(rest) > 8000 {
				continue
			}
			a := w.ask(t, "GET", p+rest, "")
			// no such path
			plain := a.status == http.StatusNotFound && a.header.Get("Content-Type") == "text/plain; charset=utf-8"
			moved := a.status == http.StatusMovedPermanently ||
				a.status == http.StatusTemporaryRedirect // "..": it was cleaned
			if !plain && !moved && a.header.Get("Content-Type") != "image/png" {
				harmlessJSON(t, rest, a)
			}
		}
	}
}

// quotedYAML returns a text as a scalar of YAML.
func quotedYAML(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// Notes are kept as they are, or refused; the file and the answers stay whole.
func TestHostileNotes(t *testing.T) {
	w, dir, p := aRun(t)
	kept := 0
	for _, text := range hostile() {
		for _, body := range []map[string]any{{"tags": []string{text}, "note": text},
			{"tags": []string{}, "note": text}} {
			sent, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			a := w.put(t, p+"/notes", string(sent))
			harmlessJSON(t, text, a)
			if a.status == http.StatusBadRequest {
				continue
			}
			if kept++; a.status != http.StatusOK {
				t.Errorf("%.50q: status %d: %s", text, a.status, a.text)
				continue
			}
			if r := decoded[row](t, a); r.Note != shownAs(t, text) || len(r.Tags) > 0 && r.Tags[0] != shownAs(t, text) {
				t.Errorf("%.80q is kept as %.80q, %.80q", text, r.Note, r.Tags)
			}
			break
		}
	}
	if kept < 150 {
		t.Errorf("%d notes were kept", kept)
	}
	for _, body := range []string{"", "null x", "[]", `{"tags":"x"}`, `{"more":1}`, `{"tags":[],"note":1}`,
		`{"note":"a"} {}`, "\xff\xfe", `{"note":"` + "\xff" + `"}`,
		strings.Repeat("[", 100_000), `{"tags":["` + strings.Repeat(`a","`, 40) + `"]}`,
		`{"note":"` + strings.Repeat("a", mostNote+1) + `"}`,
		`{"note":"\u0000"}`, `{"note":"\u202e"}`, `{"names":{"0":"x"}}`} {
		refused(t, fmt.Sprintf("%.40q", body), w.put(t, p+"/notes", body), http.StatusBadRequest)
	}
	refused(t, "a long body", w.put(t, p+"/notes", `{"note":"`+strings.Repeat("a", mostBody)+`"}`),
		http.StatusRequestEntityTooLarge)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), "notes") && e.Name() != notesFile {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// The CSV of a clustering with hostile paths and names can be read back, and has no cell that is a formula.
func TestHostileClusters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "clusters")
	var paths []string
	for _, text := range hostile() {
		if !strings.ContainsRune(text, '\r') { // package csv reads "\r\n" as "\n"
			paths = append(paths, text)
		}
	}
	writeClustering(t, dir, paths...)
	w := local(t, filepath.Dir(dir))
	p := "/api/clusterings/" + idAt(t, dir)
	a := w.ask(t, "GET", p, "")
	harmlessJSON(t, "the clustering", a)
	c := decoded[clustering](t, a)
	if len(c.Groups) != 4 || c.Problem != "" {
		t.Errorf("%d groups, %s", len(c.Groups), c.Problem)
	}
	names := map[int]string{0: "=1+1", 1: "<script>alert(1)</script>", 2: `"quoted", and more`, 3: "@x"}
	sent, err := json.Marshal(map[string]any{"names": names})
	if err != nil {
		t.Fatal(err)
	}
	a = w.put(t, p+"/names", string(sent))
	harmlessJSON(t, "the names", a)
	if a.status != http.StatusOK {
		t.Fatalf("%s", a.text)
	}
	for k := range 4 {
		a := w.ask(t, "GET", fmt.Sprint(p, "/clusters/", k, "?count=500"), "")
		harmlessJSON(t, "a cluster", a)
		g := decoded[gallery](t, a)
		if g.Of != len(g.Images) || g.Of != c.Groups[k].Images {
			t.Errorf("cluster %d has %d images of %d", k, len(g.Images), g.Of)
		}
	}
	a = w.ask(t, "GET", p+"/clusters.csv", "")
	if kind := a.header.Get("Content-Type"); kind != "text/csv; charset=utf-8" ||
		a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the CSV is %q", kind)
	}
	records, err := csv.NewReader(strings.NewReader(string(a.text))).ReadAll()
	if err != nil || len(records) != len(paths)+1 || !slices.Equal(records[0],
		[]string{"path", "cluster", "confidence", "name"}) {
		t.Fatalf("%d lines, %v", len(records), err)
	}
	for i, record := range records[1:] {
		for _, cell := range record {
			if cell != "" && strings.ContainsRune("=+-@\t", rune(cell[0])) {
				t.Errorf("the cell %q is a formula", cell)
			}
		}
		path := paths[i]
		if path != record[0] && "./"+path != record[0] {
			t.Errorf("the path %.80q has become %.80q", path, record[0])
		}
		if name := names[i%4]; record[3] != name && record[3] != "'"+name {
			t.Errorf("the name %q has become %q", name, record[3])
		}
	}
	// Damaged tables are refused, and large numbers need no memory.
	for _, text := range []string{"x,9000000000000000000,0.5\n", "x,1000000,0.5\n", "x,-1,0.5\n", "x,0,NaN\n",
		"x,0,2\n", "x,0\n", "x,y,z\n", `"x`} {
		write(t, filepath.Join(dir, report.ClustersFile), "path,cluster,confidence\n"+text)
		refused(t, text, w.ask(t, "GET", p, ""), http.StatusUnprocessableEntity)
		refused(t, text, w.ask(t, "GET", p+"/clusters/0", ""), http.StatusUnprocessableEntity)
	}
	write(t, filepath.Join(dir, report.ClustersFile), "path,cluster,confidence\na,0,1\n\"b")
	if a, err := http.Get(w.url + p + "/clusters.csv"); err == nil {
		a.Body.Close() // it is broken off, or says so
	}
}

// The file of a damaged image is sent as a picture of a kind that holds no script, or not at all.
func TestHostileImages(t *testing.T) {
	top := t.TempDir()
	data, dir := filepath.Join(top, "data"), filepath.Join(top, "runs", "run")
	files := map[string]string{"a.png": "", "b.jpg": "<svg onload=alert(1)>",
		"c.png": "<!DOCTYPE html><script>alert(1)</script>",
		"d.bmp": "BM<script>alert(1)</script>", "e.gif": "GIF89a<script>alert(1)</script>",
		"f.jpg":  "\xff\xd8\xff<script>",
		"g.webp": "RIFF\x00\x00\x00\x00WEBP<script>", "h.png": "\x89PNG\r\n\x1a\n<script>alert(1)</script>",
		"i.jpg": "%PDF-1.7",
		"j.png": "", "k.jpg": strings.Repeat("x", 100_000)}
	for name, text := range files {
		write(t, filepath.Join(data, name), text)
	}
	f, err := os.Create(filepath.Join(data, "a.png"))
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, image.NewGray(image.Rect(0, 0, 9, 5))); err != nil {
		t.Fatal(err)
	}
	f.Close()
	writeRun(t, dir, strings.NewReplacer("path: synthetic ", "path: "+data+" ", "images: 5000 ", "images: 11 ",
		"split: train ", "split: none ").Replace(settings))
	w := local(t, filepath.Dir(dir))
	p := "/api/runs/" + idAt(t, dir)
	s := get[shelf](t, w, p+"/images")
	if s.Of != len(files) {
		t.Fatalf("%d images: %+v", s.Of, s)
	}
	kinds := map[string]int{}
	for _, one := range s.Images {
		for _, what := range []string{"images", "quarantine"} {
			a := w.ask(t, "GET", fmt.Sprint(p, "/", what, "/", one.Index), "")
			kind := a.header.Get("Content-Type")
			if kinds[kind]++; a.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s/%s is sniffed", what, one.Name)
			}
			switch kind {
			case "application/json":
				harmlessJSON(t, one.Name, a)
			case "image/png", "image/jpeg", "image/gif", "image/bmp":
			default:
				t.Errorf("%s/%s is %q", what, one.Name, kind)
			}
		}
	}
	if kinds["image/bmp"] != 1 || kinds["image/gif"] != 1 || kinds["image/jpeg"] != 1 || kinds["image/png"] != 3 {
		t.Errorf("kinds of answer: %v", kinds)
	}
}
