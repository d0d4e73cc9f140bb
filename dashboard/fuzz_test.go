// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/run"
)

// newServer returns a server that does not listen.
func newServer(t testing.TB, dir string) *Server {
	t.Helper()
	s, err := New(Options{Dirs: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// asked asks without a network, and fails the test unless the answer is whole and of a known kind. No input may make
// the server fail or panic.
func asked(t testing.TB, s *Server, method string, at url.URL, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "http://localhost/", bytes.NewReader(body))
	r.URL = &at
	r.Header.Set("Authorization", "Bearer "+s.o.Token)
	path := at.String()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code == http.StatusInternalServerError {
		t.Fatalf("%s %s: %s", method, path, w.Body)
	}
	if w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: the kind of answer is a guess", path)
	}
	switch kind := w.Header().Get("Content-Type"); kind {
	case "application/json":
		if !json.Valid(w.Body.Bytes()) || !utf8.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %.300q", path, w.Body)
		}
	case "image/png", "image/jpeg", "text/csv; charset=utf-8":
	default:
		if w.Code == http.StatusOK {
			t.Errorf("%s is %q", path, kind)
		}
	}
	return w
}

// Any query of any path is answered or refused.
func FuzzQuery(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "run")
	writeRun(f, dir, settings, storyOf(60)...)
	s := newServer(f, dir)
	id := idAt(f, dir)
	for _, q := range []string{"tag=loss&from=0&to=9&points=5", "tag=loss&points=99999999",
		"probe=synthetic&of=embedding", "against=" + id,
		"image=3&epoch=2", "from=4999&count=500", "side=1024", "recipe=augment:%0A  - - resize: {size: 9}", "token=x",
		"a;b", "%zz", "tag=%00&tag=%ff"} {
		for part := range uint8(9) {
			f.Add(part, q)
		}
	}
	f.Fuzz(func(t *testing.T, part uint8, query string) {
		p := "/api/runs/" + id + []string{"", "/curves", "/curve.csv", "/spectra", "/config", "/images", "/views",
			"/quarantine", "/images/3"}[part%9]
		asked(t, s, "GET", url.URL{Path: p, RawQuery: query}, nil)
	})
}

// Any body of a change is taken or refused, and what was taken comes back.
func FuzzNotes(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "run")
	writeRun(f, dir, settings)
	s := newServer(f, dir)
	p := "/api/runs/" + idAt(f, dir)
	for _, text := range hostile() {
		sent, err := json.Marshal(map[string]any{"tags": []string{text}, "note": text})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sent)
	}
	f.Add([]byte(`{"version":"x"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		w := asked(t, s, "PUT", url.URL{Path: p + "/notes"}, body)
		if w.Code != http.StatusOK {
			return
		}
		n, err := readNotes(s.catalogue.folder(idAt(t, dir)))
		if err != nil {
			t.Fatal(err)
		}
		var kept row
		if err := json.Unmarshal(w.Body.Bytes(), &kept); err != nil || kept.Note != n.Note ||
			len(kept.Tags) != len(n.Tags) {
			t.Errorf("%+v was answered, %+v is kept: %v", kept, n, err)
		}
	})
}

// Damaged files of runs, clusterings and laboratories are told of in words.
func FuzzFiles(f *testing.F) {
	f.Add([]byte(settings), []byte(lines(f, storyOf(8)...)), []byte(`{"note":"x"}`),
		[]byte("path,cluster,confidence\na,0,1\n"),
		[]byte(`{"experiments":["SIM-01"],"seeds":1,"steps":200}`))
	f.Add([]byte("{"), []byte("{}\n[]\nnull\n"), []byte("[]"), []byte(`"`), []byte(`{"seeds":1e99}`))
	f.Add([]byte("data:\n  path: synthetic\ntrain: {batch: -1}\nstages: {sizes: [1,2]}\naugment: [[]]\n"),
		[]byte(`{"event":"step","step":1e300}`+"\n"),
		[]byte(`{"names":{"-1":"x"}}`), []byte("a,b,c\nx,9999999999,1\n"),
		[]byte(`{"experiments":["SIM-01"],"seeds":-5,"steps":-1}`))
	f.Fuzz(func(t *testing.T, config, metrics, notes, clusters, laboratory []byte) {
		top := t.TempDir()
		if len(config) > 64<<10 {
			return
		}
		files := map[string][]byte{"run/" + run.ConfigFile: config, "run/" + run.MetricsFile: metrics,
			"run/" + notesFile:          notes,
			"run/" + run.QuarantineFile: metrics, "c/" + report.PlanFile: laboratory,
			"c/" + report.ClustersFile: clusters,
			"c/" + report.File:         metrics, "c/" + notesFile: notes, "l/lab.json": laboratory}
		for name, text := range files {
			write(t, filepath.Join(top, name), string(text))
		}
		s := newServer(t, top)
		asked(t, s, "GET", url.URL{Path: "/api/runs"}, nil)
		id, c, l := idAt(t, filepath.Join(top, "run")), idAt(t, filepath.Join(top, "c")),
			idAt(t, filepath.Join(top, "l"))
		for _, p := range []string{"runs/" + id, "runs/" + id + "/curves?tag=loss",
			"runs/" + id + "/curve.csv?tag=loss",
			"runs/" + id + "/spectra?probe=synthetic&of=embedding", "runs/" + id + "/quarantine", "clusterings/" + c,
			"clusterings/" + c + "/clusters/0", "laboratories/" + l} {
			path, query, _ := strings.Cut("/api/"+p, "?")
			asked(t, s, "GET", url.URL{Path: path, RawQuery: query}, nil)
		}
		for _, p := range []string{"config", "images"} {
			w := httptest.NewRecorder()
			r := httptest.NewRequest("GET", "http://localhost/api/runs/"+id+"/"+p, nil)
			s.ServeHTTP(w, r)
			if !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s: %.300q", p, w.Body)
			}
		}
	})
}
