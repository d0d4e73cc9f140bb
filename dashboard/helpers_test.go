// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/claims"
	"github.com/parallax-ssl/parallax/run"
)

// settings is the config.yaml of a run of SimSiam on the synthetic images.
//
//go:embed testdata/config.yaml
var settings string

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// lines returns events as metrics.jsonl has them.
func lines(t testing.TB, events ...run.Event) string {
	t.Helper()
	var b strings.Builder
	for _, e := range events {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	return b.String()
}

// lossAt is the loss of the fabricated runs: a slow wave with a peak at step 37.
func lossAt(step int) float64 {
	if step == 37 {
		return 99.5
	}
	return 5 + math.Sin(float64(step)/50)
}

// stepsOf returns the events of steps of 256 images, a tenth of a second each.
func stepsOf(from, to int) (all []run.Event) {
	for step := from; step <= to; step++ {
		all = append(all, run.Event{Event: run.StepEnd, Step: step, Epoch: step / 100,
			Metrics: map[string]run.Number{run.Loss: run.Num(lossAt(step)), run.Rate: run.Num(0.1),
				run.ImagesPerSecond: run.Num(2560)},
			Terms: map[string]run.Number{"cosine": run.Num(-lossAt(step))}})
	}
	return all
}

// evaluation returns an evaluation of the embedding.
func evaluation(step int, std float64) run.Event {
	e := run.Event{Event: run.Eval, Step: step, Probe: "synthetic", Of: run.OfEmbedding,
		Dims: 8, Rows: 100, Spectrum: []float64{3, 2, std}, Points: [][2]float64{{0, 1}, {1, 0}}, Labels: []int{0, 1},
		Metrics: map[string]run.Number{run.Std: run.Num(std), run.EffectiveRank: run.Num(7 * std),
			run.MeanCosine: run.Num(1 - std), run.KNN: run.Num(0.5)}}
	return e
}

// story is what a whole run of so many steps has written.
func storyOf(steps int) []run.Event {
	all := []run.Event{{Event: run.Start, Method: "simsiam", Steps: steps}}
	all = append(all, stepsOf(1, steps/2)...)
	all = append(all, evaluation(steps/2, 0.9), run.Event{Event: run.Saved, Step: steps / 2, File: "step-00000001"})
	all = append(all, stepsOf(steps/2+1, steps)...)
	all = append(all, evaluation(steps, 0.8))
	return append(all, run.Event{Event: run.End, Step: steps, Reason: run.Finished})
}

// writeRun writes a run's folder.
func writeRun(t testing.TB, dir, config string, events ...run.Event) {
	t.Helper()
	write(t, filepath.Join(dir, run.ConfigFile), config)
	write(t, filepath.Join(dir, run.MetricsFile), lines(t, events...))
}

// writeClustering writes a clustering of the synthetic images: image i is in cluster i%4.
func writeClustering(t testing.TB, dir string, names ...string) {
	t.Helper()
	write(t, filepath.Join(dir, report.PlanFile), "{}")
	write(t, filepath.Join(dir, report.File), `{"event":"clusters","images":4,"classes":4,"stages":[]}`)
	write(t, filepath.Join(dir, report.Pretext, run.ConfigFile), settings)
	text := "path,cluster,confidence\n"
	for i, name := range names {
		text += fmt.Sprintf("\"%s\",%d,0.%d\n", strings.ReplaceAll(name, `"`, `""`), i%4, 1+i%9)
	}
	write(t, filepath.Join(dir, report.ClustersFile), text)
}

// writeLaboratory writes a laboratory of one claim, with its runs.
func writeLaboratory(t testing.TB, dir string) lab.Plan {
	t.Helper()
	p := lab.Plan{Experiments: []string{"SIM-01"}, Data: "synthetic", Seeds: 1, Steps: 200}
	experiments, err := p.Choose(claims.All)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := p.Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, j := range p.Jobs(experiments) {
		writeRun(t, filepath.Join(dir, j.Dir()), settings, storyOf(p.Steps)...)
	}
	return p
}

// served is a dashboard that listens, and a client of it.
type served struct {
	*Server
	url   string // without the last slash
	token string
	log   *lockedBuffer
	stop  func() // ends Serve, and waits for it
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// serve serves folders on a free port of the loopback until the test ends, as if it had been told to listen on addr.
func serve(t testing.TB, addr string, change func(s *Server), dirs ...string) *served {
	t.Helper()
	w := &served{log: &lockedBuffer{}}
	s, err := New(Options{Dirs: dirs, Addr: addr,
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	w.Server, w.url, w.token = s, "http://"+l.Addr().String(), s.o.Token
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("serving ended with %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.stop)
	return w
}

// local serves folders for readers on this machine.
func local(t testing.TB, dirs ...string) *served { return serve(t, DefaultAddr, nil, dirs...) }

// An answer is what the server has answered.
type answerOf struct {
	status int
	header http.Header
	text   []byte
}

// plainClient follows no redirection.
var plainClient = &http.Client{CheckRedirect: func(*http.Request,
	[]*http.Request) error {
	return http.ErrUseLastResponse
}}

// ask sends a request. Headers are "Name: value"; "Host: x" sets the host.
func (w *served) ask(t testing.TB, method, path, body string, headers ...string) answerOf {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if r.Header.Add(name, value); name == "Host" {
			r.Host = value
		}
	}
	got, err := plainClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answerOf{got.StatusCode, got.Header, text}
}

// get asks for a path, and reads the answer's JSON.
func get[T any](t testing.TB, w *served, path string) (v T) {
	t.Helper()
	a := w.ask(t, "GET", path, "")
	if a.status != http.StatusOK {
		t.Fatalf("%s: status %d: %s", path, a.status, a.text)
	}
	return decoded[T](t, a)
}

func decoded[T any](t testing.TB, a answerOf) (v T) {
	t.Helper()
	if kind := a.header.Get("Content-Type"); kind != "application/json" {
		t.Fatalf("the answer is %s", kind)
	}
	if err := json.Unmarshal(a.text, &v); err != nil {
		t.Fatalf("%v in %.300q", err, a.text)
	}
	return v
}

// bearer is the header with the token.
func (w *served) bearer() string { return "Authorization: Bearer " + w.token }

// put sends a change with the token.
func (w *served) put(t testing.TB, path, body string) answerOf {
	t.Helper()
	return w.ask(t, "PUT", path, body, w.bearer())
}

// idAt returns the id of the run, clustering or laboratory in dir.
func idAt(t testing.TB, dir string) string {
	t.Helper()
	return idOf(mustReal(t, dir))
}

// mustReal is a folder's path without links.
func mustReal(t testing.TB, dir string) string {
	t.Helper()
	full, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return full
}

// refused fails the test unless an answer is an error of this status, as JSON.
func refused(t testing.TB, what string, a answerOf, status int) {
	t.Helper()
	if a.status != status {
		t.Errorf("%s: status %d: %.200s; want %d", what, a.status, a.text, status)
		return
	}
	if v := decoded[map[string]string](t, a); v["error"] == "" || len(v) != 1 {
		t.Errorf("%s: the answer is %.200s", what, a.text)
	}
}
