// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/run"
)

// thousand writes a thousand runs of 300 steps.
func thousand(b *testing.B) string {
	b.Helper()
	top := b.TempDir()
	text := lines(b, storyOf(300)...)
	for i := range 1000 {
		dir := filepath.Join(top, fmt.Sprintf("group-%02d", i%40), fmt.Sprintf("run-%04d", i))
		write(b, filepath.Join(dir, run.ConfigFile), settings)
		write(b, filepath.Join(dir, run.MetricsFile), text)
	}
	return top
}

// request answers a request without a network, and returns the length of the answer.
func request(b *testing.B, s *Server, path string) int {
	b.Helper()
	at, err := url.Parse(path)
	if err != nil {
		b.Fatal(err)
	}
	w := asked(b, s, "GET", *at, nil)
	if w.Code != 200 {
		b.Fatalf("%s: status %d: %.300s", path, w.Code, w.Body)
	}
	return w.Body.Len()
}

// BenchmarkTable asks for the table of a thousand runs. Cold is the first answer of a server, with as many rows as are
// made in half a second; whole is until all rows are made; warm finds nothing new; one run has grown for growing.
func BenchmarkTable(b *testing.B) {
	top := thousand(b)
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			request(b, newServer(b, top), "/api/runs")
		}
	})
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			newServer(b, top).catalogue.look(b.Context(), 0)
		}
	})
	s := newServer(b, top)
	s.catalogue.look(b.Context(), 0)
	b.Run("warm", func(b *testing.B) {
		for b.Loop() {
			s.catalogue.look(b.Context(), 0)
			request(b, s, "/api/runs")
		}
	})
	b.Run("growing", func(b *testing.B) {
		path := filepath.Join(top, "group-00", "run-0000", run.MetricsFile)
		for b.Loop() {
			appendTo(b, path, `{"event":"step","step":301,"epoch":1,"loss":1}`+"\n")
			s.catalogue.look(b.Context(), 0)
		}
	})
}

// million writes a run of a million steps, 280 MB.
func million(b *testing.B) (dir string) {
	b.Helper()
	dir = filepath.Join(b.TempDir(), "run")
	write(b, filepath.Join(dir, run.ConfigFile), settings)
	f, err := os.Create(filepath.Join(dir, run.MetricsFile))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var text strings.Builder
	for step := 1; step <= 1_000_000; step++ {
		fmt.Fprintf(&text, `{"event":"step","step":%d,"epoch":%d,"loss":%.16g,"terms":{"cosine":%.16g},`+
			`"gradients":{"backbone":0.23085666445904082,"predictor":0.1558155320002064,`+
			`"projector":0.20651228943191244},"rate":0.05575346380805598,"images_per_second":465.03728929055217,`+
			`"data_wait":0.0234}`+"\n",
			step, step/1000, lossAt(step), -lossAt(step))
		if step%10_000 == 0 {
			text.WriteString(lines(b, evaluation(step, 0.9)))
			if _, err := f.WriteString(text.String()); err != nil {
				b.Fatal(err)
			}
			text.Reset()
		}
	}
	return dir
}

// BenchmarkMillion opens a run of a million steps. first is the time until a page can draw a sketch of the run, whole
// the time until every line is read, curve and zoom the time of an answer after that, and curve while reading before.
func BenchmarkMillion(b *testing.B) {
	dir := million(b)
	id := idAt(b, dir)
	all := []string{"/curves?tag=loss", "/curves?tag=loss&from=500000&to=501000",
		"/curves?tag=loss&from=400000&to=420000",
		"/curves?tag=loss&tag=terms%2Fcosine&tag=rate&tag=images_per_second" +
			"&tag=gradients%2Fbackbone&tag=data_wait&points=1500"}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			s := newServer(b, dir)
			request(b, s, "/api/runs/"+id)
			request(b, s, "/api/runs/"+id+all[0])
			s.end()
			s.work.Wait()
		}
	})
	s := newServer(b, dir)
	b.Run("reading", func(b *testing.B) {
		slowest := time.Duration(0)
		request(b, s, "/api/runs/"+id) // which goes on to read
		for b.Loop() {
			began := time.Now()
			request(b, s, "/api/runs/"+id+all[0])
			slowest = max(slowest, time.Since(began))
		}
		b.ReportMetric(float64(slowest.Milliseconds()), "ms-slowest")
	})
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			one := newServer(b, dir)
			one.catalogue.look(b.Context(), 0)
			one.advance(b.Context(), one.catalogue.folder(id))
			if p, ok := one.logs.of(one.catalogue.folder(id)).Last(run.Loss); !ok || p.Step != 1_000_000 {
				b.Fatalf("step %d", p.Step)
			}
		}
	})
	s.work.Wait()
	for i, name := range []string{"curve", "zoom", "part", "six curves"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				request(b, s, "/api/runs/"+id+all[i])
			}
		})
	}
}
