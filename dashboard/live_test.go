// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/run"
)

// told is a server-sent event.
type told struct{ name, data string }

// listen returns the events that the server sends, until the test or the server ends.
func listen(t testing.TB, w *served, query string) <-chan told {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", w.url+"/api/live"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.DefaultTransport.(*http.Transport).Clone().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if kind := a.Header.Get("Content-Type"); a.StatusCode != http.StatusOK || kind != "text/event-stream" {
		t.Fatalf("status %d, %q", a.StatusCode, kind)
	}
	events := make(chan told, 1000)
	go func() {
		defer close(events)
		defer a.Body.Close()
		var e told
		lines := bufio.NewReader(a.Body)
		for {
			text, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			name, value, _ := strings.Cut(strings.TrimSuffix(text, "\n"), ": ")
			switch name {
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				if e.name != "" {
					events <- e
				}
				e = told{}
			}
		}
	}()
	return events
}

// until waits for an event of which ok is true.
func until(t testing.TB, events <-chan told, what string, ok func(e told) bool) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		select {
		case e, more := <-events:
			if !more {
				t.Fatalf("the stream ended before %s", what)
			}
			if ok(e) {
				return
			}
		case <-limit:
			t.Fatalf("nothing is told of %s", what)
		}
	}
}

func parsed[T any](t testing.TB, e told) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(e.data), &v); err != nil {
		t.Fatalf("%v in %.200q", err, e.data)
	}
	return v
}

// A page hears of a run that grows, is cut, is written anew, is removed, and of one that is new.
func TestLive(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "run")
	path := filepath.Join(dir, run.MetricsFile)
	writeRun(t, dir, settings, stepsOf(1, 10)...)
	w := local(t, top)
	id := idAt(t, dir)
	events := listen(t, w, "?run="+id)
	others := listen(t, w, "")
	size := func(read int64) func(e told) bool {
		return func(e told) bool { return e.name == "run" && parsed[progress](t, e).Read == read }
	}
	length := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	until(t, events, "the first steps", size(length()))
	appendTo(t, path, lines(t, stepsOf(11, 12)...)+`{"event":"st`)
	until(t, events, "more steps", size(length()-int64(len(`{"event":"st`))))
	appendTo(t, path, `ep","step":13,"loss":1}`+"\n")
	until(t, events, "a line that is whole", size(length()))
	c := get[map[string]line](t, w, "/api/runs/"+id+"/curves?tag=loss")["loss"]
	if n := len(c.Step); n != 13 || c.Value[12].Value != 1 {
		t.Errorf("%d points: %v", n, c.Value)
	}
	write(t, path, lines(t, stepsOf(1, 5)...))
	until(t, events, "the cut", size(length()))
	if c := get[map[string]line](t, w, "/api/runs/"+id+"/curves?tag=loss")["loss"]; len(c.Step) != 5 {
		t.Errorf("%d points after the cut", len(c.Step))
	}
	write(t, path, "")
	until(t, events, "the empty file", size(0))
	write(t, path, strings.Repeat("no event\n", 100)+lines(t, evaluation(7, 0.5)))
	until(t, events, "the new file", func(e told) bool {
		return e.name == "run" && parsed[progress](t, e).Broken == 100 && len(parsed[progress](t, e).Evals) == 1
	})
	writeRun(t, filepath.Join(top, "another"), settings, stepsOf(1, 2)...)
	another := idAt(t, filepath.Join(top, "another"))
	until(t, others, "a new run", func(e told) bool {
		if e.name == "run" {
			t.Error("a page that shows no run is told of one")
		}
		return slices.ContainsFunc(parsed[found](t, e).Rows, func(r *row) bool { return r.ID == another })
	})
	if a := w.put(t, "/api/runs/"+another+"/notes", `{"tags":["told"],"note":""}`); a.status != http.StatusOK {
		t.Errorf("%s", a.text)
	}
	until(t, others, "a note", func(e told) bool {
		rows := parsed[found](t, e).Rows
		return len(rows) == 1 && len(rows[0].Tags) == 1
	})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	until(t, events, "the removal", func(e told) bool {
		f := parsed[found](t, e)
		return e.name == "rows" && len(f.Gone) == 1 && f.Gone[0] == id
	})
	refused(t, "a removed run", w.ask(t, "GET", "/api/runs/"+id, ""), http.StatusNotFound)
	w.stop()
	for range events { // it ends
	}
}

// Streams outlive the limits of other requests; there are as many as are allowed; a reader who is gone leaves a place.
func TestStreams(t *testing.T) {
	w := serve(t, DefaultAddr, func(s *Server) {
		const soon = 300 * time.Millisecond
		s.limits.header, s.limits.request, s.limits.answer = soon, soon, soon
	}, t.TempDir())
	events := listen(t, w, "")
	time.Sleep(700 * time.Millisecond)
	w.hub.tell("", "rows", found{Gone: []string{"a"}})
	until(t, events, "something after the limits", func(e told) bool { return strings.Contains(e.data, `["a"]`) })
	var all []net.Conn
	host := strings.TrimPrefix(w.url, "http://")
	for range mostWatchers - 1 {
		all = append(all, dial(t, w, 1, "GET /api/live HTTP/1.1\r\nHost: "+host+"\r\n\r\n")...)
	}
	watchers := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if _, got := w.hub.shown(); got == n {
				return
			} else if time.Now().After(deadline) {
				t.Fatalf("%d watchers, want %d", got, n)
			}
		}
	}
	watchers(mostWatchers)
	refused(t, "one more page", w.ask(t, "GET", "/api/live", ""), http.StatusServiceUnavailable)
	for _, c := range all {
		c.Close()
	}
	watchers(1)
}

// A reader who does not read is left, and holds up nobody.
func TestSlowReader(t *testing.T) {
	w := local(t, t.TempDir())
	slow := dial(t, w, 1, "GET /api/live HTTP/1.1\r\nHost: "+strings.TrimPrefix(w.url, "http://")+"\r\n\r\n")[0]
	if slow == nil {
		t.Fatal("not connected")
	}
	events := listen(t, w, "")
	text := strings.Repeat("x", 1<<20)
	for i := range 100 {
		w.hub.tell("", "rows", found{Gone: []string{text, fmt.Sprint(i)}})
		until(t, events, "the message", func(e told) bool {
			return strings.Contains(e.data, fmt.Sprintf("%q", fmt.Sprint(i)))
		})
	}
	if _, n := w.hub.shown(); n != 1 {
		t.Errorf("%d watchers", n)
	}
}

// A day of steps, in fast motion, is streamed without growth: the memory after all of it is that after a tenth.
func TestDay(t *testing.T) {
	const day = 86_400 // steps at one a second
	dir := filepath.Join(t.TempDir(), "run")
	path := filepath.Join(dir, run.MetricsFile)
	writeRun(t, dir, settings, run.Event{Event: run.Start, Method: "simsiam", Steps: day})
	w := local(t, dir)
	id := idAt(t, dir)
	get[table](t, w, "/api/runs")
	events := listen(t, w, "?run="+id)
	go func() {
		for range events { // a page that reads
		}
	}()
	f := w.catalogue.folder(id)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const parts = 40
	var early uint64
	for part := range parts {
		from := part * day / parts
		var b strings.Builder
		for step := from + 1; step <= from+day/parts; step++ {
			fmt.Fprintf(&b, `{"event":"step","step":%d,"loss":%g,"terms":{"cosine":0.5},"images_per_second":256}`+"\n",
				step, lossAt(step))
		}
		appendTo(t, path, b.String()+lines(t, evaluation(from+day/parts, 0.9)))
		w.advance(t.Context(), f)
		if part == parts/10 {
			early = heap()
		}
	}
	late := heap()
	t.Logf("%d bytes after a tenth of the day, %d at its end", early, late)
	if late > early+(8<<20) {
		t.Errorf("the heap has grown from %d to %d bytes", early, late)
	}
	if state, err := w.logs.of(f).Update(0); err != nil || !state.Complete() {
		t.Errorf("%+v, %v", state, err)
	}
	if p, ok := w.logs.of(f).Last(run.Loss); !ok || p.Step != day {
		t.Errorf("the last step is %d", p.Step)
	}
}

// The server ends while pages are open and a long run is read.
func TestEnd(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	writeRun(t, dir, settings, stepsOf(1, 50_000)...)
	w := local(t, dir)
	events := listen(t, w, "?run="+idAt(t, dir))
	answer, err := http.Get(w.url + "/api/runs/" + idAt(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	began := time.Now()
	w.stop()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	for range events { // it ends
	}
}
